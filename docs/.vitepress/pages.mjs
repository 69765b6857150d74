/** Where the pages of the repository are on the site. */

/** Patterns of the paths of pages in the repository, and their paths on the site. */
const PAGES = [
  [/^docs\/\.vitepress\/front\.md$/, 'index.md'],
  [/^README\.md$/, 'readme.md'],
  [/^docs\/README\.md$/, 'contents.md'],
  [/^docs\/(.*\.md)$/, '$1'],
  // Where these pages have always been on the site.
  [/^packages\/conform\/docs\/(.*\.md)$/, 'inet/$1'],
  [/^packages\/(\w+)\/docs\/(.*\.md)$/, '$1/$2'],
  [/^packages\/learn\/course\/(\d+-[\w-]+)\/README\.md$/, 'learn/$1.md'],
]

/** Returns the path on the site of a file of the repository; undefined if it is not a page. */
export function onSite(path) {
  const page = PAGES.find(([pattern]) => pattern.test(path))
  return page && path.replace(...page)
}
