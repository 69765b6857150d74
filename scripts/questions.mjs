/**
 * node scripts/questions.mjs: prints the rank of the page of each question of
 * docs/.vitepress/questions.mjs in the search of the site, and the pages before it. It indexes the
 * pages as they are, in two seconds. `npm run docs` must have run once: it installs the packages
 * and writes the pages of the API. The tests of the site compare the ranks with the site.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inlineFigures } from '../docs/.vitepress/figures.mjs'
import { onSite } from '../docs/.vitepress/pages.mjs'
import { QUESTIONS } from '../docs/.vitepress/questions.mjs'
import { searchOptions } from '../docs/.vitepress/search.mjs'
import { filesIn } from './project-files.mjs'

const ROOT = resolve(import.meta.dirname, '..')
const require = createRequire(join(ROOT, 'docs/package.json'))

/** The options of the search as VPLocalSearchBox.vue of VitePress has them. */
export const OPTIONS = {
  fields: ['title', 'titles', 'text'],
  storeFields: ['title', 'titles'],
  searchOptions: {
    fuzzy: 0.2,
    prefix: true,
    boost: { title: 4, text: 2, titles: 1 },
    ...searchOptions,
  },
}

/** The parts of a rendered page, by its headings, like in localSearchPlugin.ts of VitePress. */
const HEADING = /<h(\d*).*?>(.*?<a.*? href="#.*?".*?>.*?<\/a>)<\/h\1>/gi
const HEADING_CONTENT = /(.*?)<a.*? href="#(.*?)".*?>.*?<\/a>/i
const withoutTags = html => html.replace(/<[^>]*>/g, '')

/** Returns the questions, each with the rank of its page: 1 is first, Infinity is not found. */
export function ranks(index) {
  return QUESTIONS.map(({ question, pages }) => {
    const found = index.search(question).map(({ id }) => id)
    const isRight = id => pages.some(page => id.split('#')[0].endsWith(`/${page}.html`))
    const at = found.findIndex(isRight)
    return { question, rank: at < 0 ? Number.POSITIVE_INFINITY : at + 1, found }
  })
}

/** Returns the index of the pages of the repository, with their addresses on the site. */
export async function fastIndex() {
  const MiniSearch = require('minisearch')
  const { createMarkdownRenderer } = await import(
    pathToFileURL(join(ROOT, 'docs/node_modules/vitepress/dist/node/index.js')).href
  )
  const markdown = await createMarkdownRenderer(join(ROOT, 'docs'), {
    highlight: code => `<pre><code>${code.replace(/[&<]/g, escaped)}</code></pre>`,
    config: renderer => renderer.use(inlineFigures),
  })
  const index = new MiniSearch(OPTIONS)
  const pages = filesIn(ROOT).filter(file => file.endsWith('.md'))
  const api = readdirSync(join(ROOT, 'docs/api')).map(name => `docs/api/${name}`)
  for (const file of [...pages, ...api]) {
    const page = onSite(file)
    if (page === undefined) continue
    const path = join(ROOT, file)
    const env = { path, relativePath: page }
    const html = markdown.render(readFileSync(path, 'utf8'), env)
    if (env.frontmatter?.search === false) continue
    index.addAll([...sections(`/${page.replace(/\.md$/, '.html')}`, html)])
  }
  return index
}

/** A character of code as the highlighter writes it. */
const escaped = character => `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`

/** The sections of a page as entries of the index. */
function* sections(page, html) {
  const parts = html.split(HEADING).slice(1)
  let parents = []
  for (let i = 0; i < parts.length; i += 3) {
    const level = Number(parts[i]) - 1
    const [, text = '', anchor = ''] = HEADING_CONTENT.exec(parts[i + 1]) ?? []
    const title = withoutTags(text).trim()
    if (!title || !parts[i + 2]) continue
    const titles = parents.slice(0, level)
    titles[level] = title
    if (level === 0) {
      parents = [title]
    } else {
      parents[level] = title
    }
    yield {
      id: anchor ? `${page}#${anchor}` : page,
      text: withoutTags(parts[i + 2]),
      title,
      titles: titles.filter(Boolean).slice(0, -1),
    }
  }
}

/** Returns how many of the questions find their page first, and how many among the first three. */
export const counted = found => ({
  first: found.filter(({ rank }) => rank === 1).length,
  amongThree: found.filter(({ rank }) => rank <= 3).length,
})

if (process.argv[1] === import.meta.filename) {
  const found = ranks(await fastIndex())
  for (const { question, rank, found: ids } of found) {
    console.log(`${String(rank).padStart(8)}  ${question}`)
    if (rank > 1) {
      console.log(`          ${ids.slice(0, Math.min(rank - 1, 3)).join('\n          ')}`)
    }
  }
  const { first, amongThree } = counted(found)
  console.log(`${first} of ${found.length} first, ${amongThree} among the first three`)
}
