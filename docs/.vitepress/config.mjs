/**
 * The site of these pages. `npm run docs` builds it in docs/.vitepress/dist; a dead link is an
 * error. The list of pages on the left has the groups of scripts/generate-contents.mjs, and the
 * pages of api/README.md, which scripts/api-reference.mjs writes. Pages outside of docs/ are copied
 * to docs/site when the site is built: the front page, the README of the repository, the pages of
 * the packages, and the exercises of the course, which are checked on their pages.
 *
 * VNET_DOCS_BASE is the path of the site on its server; VNET_DOCS_SOURCE, or the repository of
 * GitHub Actions, is where links to files that are not pages lead. Without it they are plain text.
 */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { withoutMarkers } from '../../packages/learn/src/exercise.ts'
import { bundleCourse } from '../../scripts/course-bundle.mjs'
import { editorTypes } from '../../scripts/editor-types.mjs'
import { GROUPS } from '../../scripts/generate-contents.mjs'
import { writeServiceWorker } from '../../scripts/offline-site.mjs'
import { colours } from '../../scripts/palette.mjs'
import { throughDoors } from '../../scripts/setup/doors.mjs'
import { inlineFigures } from './figures.mjs'
import { FRONT, frontPage } from './front.mjs'
import { MOVED, onSite, redirects } from './pages.mjs'
import { searchOptions } from './search.mjs'

const root = join(import.meta.dirname, '../..')
const copies = join(root, 'docs/site')
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_SHA, VNET_DOCS_BASE, VNET_DOCS_SOURCE } =
  process.env
const ofAction =
  GITHUB_REPOSITORY && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/blob/${GITHUB_SHA}/`
const source = VNET_DOCS_SOURCE || ofAction

/** The packages that the components of the site import, as their sources. */
const PACKAGES = [
  { find: '@vnet/web/picture', replacement: join(root, 'packages/web/src/page/picture.tsx') },
]

/** The page that lists the exercises. */
const EXERCISES = '/learn/exercises'

const read = path => readFileSync(join(root, path), 'utf8')
const filesIn = folder => (existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [])
const exercises = filesIn('packages/learn/course')
  .map(name => `packages/learn/course/${name}/README.md`)
  .filter(onSite)
const pagesOfPackages = filesIn('packages').flatMap(name => {
  return ['docs', 'records'].flatMap(folder =>
    filesIn(`packages/${name}/${folder}`)
      .map(file => join('packages', name, folder, file))
      .filter(onSite),
  )
})

/** The paths in the repository of the copied pages, by the paths of their copies. */
const originals = new Map(
  [FRONT, 'README.md', ...pagesOfPackages, ...exercises].map(path => [
    join(copies, onSite(path)),
    path,
  ]),
)
rmSync(copies, { recursive: true, force: true })
for (const [copy, path] of originals) {
  cpSync(join(root, path), copy)
}
writeFileSync(join(copies, 'index.md'), frontPage())

/** The checks of the exercises, in a folder of the site that is named by their content. */
const checks = join(copies, 'checks')
const contents = (await bundleCourse(checks))
  .map(({ fileName, code }) => `${fileName}\n${code}`)
  .sort()
const types = JSON.stringify(editorTypes())
contents.push(types)
writeFileSync(join(checks, 'types.json'), types)
mkdirSync(join(checks, 'solutions'))
for (const path of exercises) {
  const [folder, name] = [dirname(path), basename(dirname(path))]
  cpSync(join(root, path), join(checks, 'pages', `${name}.md`))
  const { mistakes } = await import(join(root, folder, 'mistakes.js'))
  const c = join(folder, 'kernel/solution.c')
  const module = existsSync(join(root, c)) ? read(c) : undefined
  const text = withoutMarkers(read(join(folder, 'solution.js')))
  const solution = JSON.stringify({ solution: text, mistakes, module })
  writeFileSync(join(checks, 'solutions', `${name}.json`), solution)
  contents.push(read(path), solution)
}
const bundle = `checks-${createHash('sha256').update(contents.join('\n')).digest('hex').slice(0, 12)}`

/** Returns the colours of code in a scheme, `light` or `dark`. */
function codeTheme(scheme) {
  const of = (name, ...scope) => ({ scope, settings: { foreground: colours[name][scheme] } })
  return {
    name: `vnet-${scheme}`,
    type: scheme,
    fg: colours.text[scheme],
    bg: colours.bg[scheme],
    settings: [
      of('muted', 'comment'),
      of('accent', 'keyword', 'storage'),
      of('ok', 'string.quoted', 'string.template'),
    ],
  }
}

/** Returns what the page of an exercise needs besides its text; undefined for another page. */
function exerciseOf(relativePath) {
  const path = originals.get(join(root, 'docs', relativePath))
  if (!exercises.includes(path)) return undefined
  const folder = dirname(path)
  const [, driver] = /^ {2}driver: '(.*)',$/m.exec(read(join(folder, 'exercise.js')))
  const hasModule = existsSync(join(root, folder, 'kernel/solution.c'))
  return {
    name: basename(folder),
    driver,
    skeleton: read(join(folder, driver)),
    hasModule,
    bundle,
    next: nextOf(path),
  }
}

/** Returns where a visitor continues after an exercise: at the next one, or in the list. */
function nextOf(path) {
  const next = exercises[exercises.indexOf(path) + 1]
  if (next === undefined) return { text: 'All exercises', href: `${EXERCISES}.html` }
  return {
    text: `Next exercise: ${titleOf(next)}`,
    href: `/${onSite(next).replace(/md$/, 'html')}`,
  }
}

/**
 * An entry of the list of pages: the page's title up to its colon. A title that the entries before,
 * `others`, have already is whole.
 */
function entry(path, others = []) {
  const [, title, more] = /^# ([^:\n]*)(.*)/m.exec(read(path))
  const isTaken = others.some(({ text }) => text === title)
  return {
    text: (title + (isTaken ? more : '')).replaceAll('`', ''),
    link: `/${onSite(path).replace(/(\bindex)?\.md$/, '')}`,
  }
}

/** Returns the whole title of a page. */
const titleOf = path => /^# (.*)$/m.exec(read(path))[1]

/** A group of the list of pages: those that are on the site, in order. */
function group(text, paths) {
  const items = []
  for (const path of paths.filter(path => onSite(path) !== undefined)) {
    items.push(entry(path, items))
  }
  return { text, items }
}

/** The groups of the contents of the documentation, the exercises, and the API. */
function sidebar() {
  const groups = Object.entries(GROUPS).map(([text, paths]) => group(text, paths))
  const at = groups.findIndex(({ text }) => text === 'Learn drivers')
  groups.splice(at + 1, 0, {
    text: 'Exercises',
    collapsed: true,
    items: exercises.map(path => ({ ...entry(path), text: titleOf(path) })),
  })
  const links = read('docs/api/README.md').matchAll(/\]\(([\w-]+\.md)\)/g)
  const api = Array.from(links, ([, name]) => `docs/api/${name}`)
  groups.push(group('API', api))
  groups[0].items.unshift({ text: 'What vnet is', link: '/readme' })
  return groups.filter(({ items }) => items.length > 0)
}

/** Resolves links by paths in the repository: to pages of the site, or to files of other kinds. */
function resolveLinks(markdown) {
  const isRelative = href => !/^([a-z]+:|#|\/)/.test(href)
  markdown.core.ruler.push('repository', state => {
    const file = state.env.realPath ?? state.env.path
    // The title in the head of a page.
    if (file === undefined) return
    const directory = dirname(originals.get(file) ?? relative(root, file))
    let isText = false
    for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.attrGet('href') ?? token.attrGet('src') ?? ''
      const [path, anchor = ''] = join(directory, href).split(/(?=#)/)
      if (token.type === 'image' && isRelative(href)) {
        token.attrSet('src', relative(dirname(file), join(root, path)))
      }
      if (token.type === 'link_open') {
        const page = onSite(path)
        const to = page ? `/${page}` : source && source + path
        isText = isRelative(href) && !to
        if (isRelative(href) && to) {
          token.attrSet('href', to + anchor)
        }
      }
      if (!isText || !token.type.startsWith('link_')) continue
      Object.assign(token, { type: token.type.replace('link', 'span'), tag: 'span', attrs: null })
    }
  })
}

/** Marks the tables of kernel names: on a narrow page their rows are lines. */
function markTables({ renderer: { rules } }) {
  const { table_open: open } = rules
  rules.table_open = (tokens, i, ...rest) =>
    open(tokens, i, ...rest).replace(
      '<table',
      tokens[i + 4].content === 'kernel' ? '<table class="names"' : '<table',
    )
}

/** Indented code gets the focus, like code in fences, so that keys scroll it. */
function focusCode({ renderer: { rules } }) {
  const { code_block: block } = rules
  rules.code_block = (...args) => block(...args).replace('<pre', '<pre tabindex="0"')
}

/** Files load neither modules nor styles from the root of the site. */
const NEEDS_SERVER = `if (location.protocol === 'file:') addEventListener('DOMContentLoaded', () =>
  document.body.prepend('These pages need a web server, such as python3 -m http.server in their folder.'))`

// biome-ignore lint/style/noDefaultExport: VitePress loads its configuration by the default export.
export default {
  title: 'vnet',
  description: JSON.parse(read('package.json')).description,
  base: VNET_DOCS_BASE || '/',
  rewrites: {
    'README.md': 'contents.md',
    ...Object.fromEntries(
      filesIn('docs/records')
        .filter(file => file.endsWith('.md'))
        .map(file => [`records/${file}`, onSite(`docs/records/${file}`)]),
    ),
    'site/:page.md': ':page.md',
    'site/:package/:page.md': ':package/:page.md',
  },
  srcExclude: ['node_modules/**', 'site/checks/**', 'records/upstream/**'],
  lastUpdated: false,
  // It would load every page of the list on the left.
  router: { prefetchLinks: false },
  // On a phone, code without a language would make the page wide.
  head: [
    ['style', {}, '.vp-doc pre { overflow-x: auto }'],
    ['script', {}, NEEDS_SERVER],
    ['link', { rel: 'icon', href: `${VNET_DOCS_BASE || '/'}icon.svg` }],
  ],
  markdown: {
    config: markdown =>
      markdown.use(resolveLinks).use(inlineFigures).use(markTables).use(focusCode),
    theme: { light: codeTheme('light'), dark: codeTheme('dark') },
  },
  vite: { plugins: [throughDoors(root)], resolve: { alias: PACKAGES } },
  transformPageData({ filePath }) {
    const exercise = exerciseOf(filePath)
    if (exercise !== undefined) return { frontmatter: { exercise, pageClass: 'exercise-page' } }
    if (filePath === 'playground.md') {
      return { frontmatter: { playground: { bundle }, pageClass: 'playground-page' } }
    }
  },
  buildEnd({ outDir }) {
    cpSync(checks, join(outDir, bundle), { recursive: true })
    cpSync(join(root, 'packages/web/src/page/icon.svg'), join(outDir, 'icon.svg'))
    for (const [path, html] of redirects(MOVED, VNET_DOCS_BASE || '/')) {
      writeFileSync(join(outDir, path), html)
    }
    writeServiceWorker(outDir)
    // After the last line of VitePress.
    const look =
      outDir === join(import.meta.dirname, 'dist') ? ': npm --prefix docs run preview shows it' : ''
    process.on('exit', () => console.log(`The site is in ${outDir}${look}`))
  },
  themeConfig: {
    search: { provider: 'local', options: { detailedView: true, miniSearch: { searchOptions } } },
    nav: [
      { text: 'Docs', link: '/contents' },
      { text: 'Exercises', link: EXERCISES, activeMatch: `^(${EXERCISES}|/learn/\\d)` },
      { text: 'Playground', link: '/playground' },
    ],
    sidebar: sidebar(),
    outline: [2, 3],
    notFound: {
      title: 'No such page',
      quote: 'Or you are offline, and it is not stored: the course and the playground are.',
    },
    ...(source && { socialLinks: [{ icon: 'github', link: source.replace(/\/blob\/.*$/, '') }] }),
  },
}
