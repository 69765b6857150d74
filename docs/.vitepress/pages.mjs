/** Where the pages of the repository are on the site. */

/** Patterns of the paths of pages in the repository, and their paths on the site. */
const PAGES = [
  [/^docs\/\.vitepress\/front\.md$/, 'index.md'],
  [/^README\.md$/, 'readme.md'],
  [/^docs\/README\.md$/, 'contents.md'],
  // Records that were pages keep their addresses.
  [/^docs\/records\/((?:kernel-map-\w+|performance-time|wires-compared)\.md)$/, '$1'],
  // Drafts of issues are not for readers of the site.
  [/^docs\/(?!records\/upstream\/)(.*\.md)$/, '$1'],
  // Where these pages have always been on the site.
  [/^packages\/conform\/(?:docs|records)\/(.*\.md)$/, 'inet/$1'],
  [/^packages\/(\w+)\/(?:docs|records)\/(.*\.md)$/, '$1/$2'],
  [/^packages\/learn\/course\/(\d+-[\w-]+)\/README\.md$/, 'learn/$1.md'],
]

/** Returns the path on the site of a file of the repository; undefined if it is not a page. */
export function onSite(path) {
  const page = PAGES.find(([pattern]) => pattern.test(path))
  return page && path.replace(...page)
}

/**
 * Pages that have become parts of others: their addresses on the site, and where they lead now.
 * Their headings live on in the other pages.
 */
export const MOVED = {
  'drivers/gso.md': 'drivers/napi.md#offloads-checksums-and-segmentation',
  'drivers/ioctls.md': 'drivers/several-devices.md#a-private-ioctl',
  'embed.md': 'tap.md#embed-a-driver-in-your-program',
  'inet/conform-control-programs.md': 'inet/conform.md#a-control-port',
  'inet/conform-control.md': 'inet/conform.md#a-control-port',
  'lab/history.md': 'lab/explore-further.md#histories-of-operations',
  'lab/recipes-loss.md': 'lab/recipes.md#packet-loss',
  'lab/testing-routers.md': 'lab/testing-links.md#add-a-router',
  'kubernetes.md': 'containers.md#kubernetes',
  'lan/lan-device.md': 'lan/lan-config.md#a-device-of-your-own',
  'lan/lan-uplink.md': 'lan/lan.md#real-hosts-on-the-segment',
  'learn/to-the-kernel-check.md': 'learn/to-the-kernel.md#check-it-in-a-virtual-machine',
  'learn/to-the-kernel-interrupt.md': 'learn/to-the-kernel.md#the-timer-and-the-interrupt',
  'replay.md': 'capture.md#replaying-captures',
  'write-a-driver-interrupt.md': 'write-a-driver-test.md#_7-an-interrupt',
  'write-a-driver-timer.md': 'write-a-driver.md#_5-private-data-and-a-timer',
}

/**
 * Returns `[path, html]` of a file of the built site for each moved page. It leads to the same
 * heading of the other page, or to the start of the part. `base` is the path of the site.
 */
export function redirects(moved, base) {
  return Object.entries(moved).map(([from, to]) => {
    const [page, heading] = to.split('#')
    const href = base + page.replace(/\.md$/, '.html')
    const html = `<!doctype html>
<meta charset="utf-8">
<title>Moved</title>
<script>location.replace('${href}' + (location.hash || '#${heading}'))</script>
<a href="${href}#${heading}">This page is a part of another one now.</a>
`
    return [from.replace(/\.md$/, '.html'), html]
  })
}
