/**
 * The site of these pages. `npm run docs` builds it in docs/.vitepress/dist; a dead link is an
 * error. The list of pages on the left comes from the headings and links of README.md and of
 * api/README.md, which scripts/api-reference.mjs writes. The front page is the README of the
 * repository, and each exercise of the course has a page: both are copied here when the site is
 * built.
 *
 * VNET_DOCS_BASE is the path of the site on its server; VNET_DOCS_SOURCE, or the repository of
 * GitHub Actions, is where links to files outside of docs/ lead. Without it they are plain text.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const docs = join(import.meta.dirname, '..')
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_SHA, VNET_DOCS_BASE, VNET_DOCS_SOURCE } = process.env
const ofAction = GITHUB_REPOSITORY && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/blob/${GITHUB_SHA}/`
const source = VNET_DOCS_SOURCE || ofAction

/** Copies a page of the repository to docs/site, whose links then lead from there. */
function copyPage(from, to) {
  const directory = dirname(from) === '.' ? [] : dirname(from).split('/')
  const moved = readFileSync(join(docs, '..', from), 'utf8').replace(/\]\((?![a-z]+:|#)([^)]+)\)/g, (_, href) => {
    const path = [...directory]
    for (const part of href.split('/')) {
      if (part === '..') path.pop()
      else if (part !== '.') path.push(part)
    }
    return `](${path[0] === 'docs' ? `../${path.slice(1).join('/')}` : `../../${path.join('/')}`})`
  })
  mkdirSync(join(docs, 'site'), { recursive: true })
  writeFileSync(join(docs, 'site', to), moved)
}

const COURSE = 'packages/learn/course'

/** The exercises of the course, as entries of the list of pages. */
function exercises() {
  const names = readdirSync(join(docs, '..', COURSE)).filter(name => /^\d+-/.test(name))
  return names.map(name => {
    const page = join(COURSE, name, 'README.md')
    copyPage(page, `${name}.md`)
    const [, text] = /^# (.*)$/m.exec(readFileSync(join(docs, '..', page), 'utf8'))
    return { text, link: `/site/${name}` }
  })
}

/** The title of a page, up to a colon, or the text of a link to it that has a capital letter. */
function titleOf(text, page) {
  if (/^[A-Z]|^vnet/.test(text)) return text
  const [, title = text] = /^# ([^:\n]*)/m.exec(readFileSync(join(docs, `${page}.md`), 'utf8')) ?? []
  return title
}

/** Groups of links to pages, by the headings of README.md, and the pages of the API. */
function sidebar() {
  copyPage('README.md', 'start.md')
  const groups = [{ text: 'vnet', items: [{ text: 'What vnet is, and installation', link: '/' }] }]
  const lines = name => readFileSync(join(docs, name), 'utf8').split('\n')
  const ofApi = lines('api/README.md').map(line => line.replace('](', '](api/'))
  for (const line of [...lines('README.md'), '## API', ...ofApi]) {
    const heading = /^##+ (.*)$/.exec(line)
    if (heading) groups.push({ text: heading[1], items: [] })
    for (const [, text, page] of line.matchAll(/\[([^\]]+)\]\((?!\.\.|https?:)([^)#]+)\.md\)/g)) {
      const { items } = groups.at(-1)
      const link = `/${page.replace(/(^|\/)README$/, '$1')}`
      if (items.every(item => item.link !== link)) items.push({ text: titleOf(text, page).replaceAll('`', ''), link })
    }
  }
  const at = groups.findIndex(({ text }) => text === 'Learn drivers')
  groups.splice(at + 1, 0, { text: 'Exercises', collapsed: true, items: exercises() })
  return groups.filter(({ items }) => items.length > 0)
}

/** Lets links that leave docs/ lead to the repository. */
function linkOutside(markdown) {
  markdown.core.ruler.push('outside', state => {
    const directory = (state.env.relativePath ?? '').split('/').slice(0, -1)
    for (const { children } of state.tokens) {
      const open = []
      for (const token of children ?? []) {
        if (token.type === 'link_open') open.push(token)
        if (token.type !== 'link_open' && token.type !== 'link_close') continue
        const from = token.type === 'link_open' ? token : open.pop()
        const outside = outsideOf(directory, from.attrGet('href') ?? '')
        if (outside === undefined) continue
        if (source) from.attrSet('href', source + outside)
        else [token.type, token.tag] = [token.type === 'link_open' ? 'span_open' : 'span_close', 'span']
        if (!source && token !== from) from.attrs = null
      }
    }
  })
}

/** Returns the path in the repository of a link that leaves docs/, or is no page or picture. */
function outsideOf(directory, href) {
  if (/^([a-z]+:|#|\/)/.test(href)) return undefined
  const path = ['docs', ...directory]
  for (const part of href.split('/')) {
    if (part === '..') path.pop()
    else if (part !== '.') path.push(part)
  }
  const isPage = path[0] === 'docs' && /\.md(#.*)?$|\/$/.test(href)
  return isPage || path.length === 0 ? undefined : path.join('/')
}

// biome-ignore lint/style/noDefaultExport: VitePress loads its configuration by the default export.
export default {
  title: 'vnet',
  description: 'Networks that fail, in tests and lessons: TAP, drivers and impairments in TypeScript',
  base: VNET_DOCS_BASE || '/',
  rewrites: { 'site/start.md': 'index.md', 'README.md': 'contents.md', ':folder/README.md': ':folder/index.md' },
  srcExclude: ['node_modules/**'],
  lastUpdated: false,
  // On a phone, code without a language would make the page wide.
  head: [['style', {}, '.vp-doc pre { overflow-x: auto }']],
  markdown: { config: linkOutside },
  themeConfig: {
    search: { provider: 'local' },
    sidebar: sidebar(),
    outline: [2, 3],
    ...(source && { socialLinks: [{ icon: 'github', link: source.replace(/\/blob\/.*$/, '') }] }),
  },
}
