/**
 * npm run generate: writes what follows from the data of records. docs/records/kernel-map.json
 * gives docs/records/kernel-map-*.md and the tables of docs/kernel-map.md. In packages/lab/records,
 * found.json and hunted.json give the tables of found.md, hunted.md, and the drafts for upstream.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { table, withBlock, wrapped } from './blocks.mjs'
import { draftTables, foundCounts, foundTables, huntedTables } from './found.mjs'
import { readOptions } from './options.mjs'

const root = resolve(import.meta.dirname, '..')
const read = path => readFileSync(join(root, path), 'utf8')

/** Keeps a page out of the search of the site. */
const HEAD = '---\nsearch: false\n---\n\n'

const shownTest = test => test.replace(/^(\S+): (.*)$/, '`$1` "$2"')

/** Returns the page of a part of the kernel map: a row has the files, and tests that show it. */
function mapPage({ title, purpose, sections }) {
  const parts = sections.map(({ title: section, head, before, rows }) => {
    const cells = rows.map(({ kernel, here, tests }) => [
      kernel,
      here,
      tests.map(shownTest).join(', '),
    ])
    const text = before === undefined ? '' : `${wrapped(before)}\n\n`
    return `## ${section}\n\n${text}${table([head, 'here', 'test'], cells)}\n`
  })
  const links = '[Kernel map](../kernel-map.md) explains the terms and lists the other pages.'
  return `${HEAD}# ${title}\n\n${wrapped(`${purpose} ${links}`)}\n\n${parts.join('\n')}`
}

/** Returns the section of a topic: names with a sentence about each. */
function topicTable({ title, names }) {
  const rows = names.map(({ kernel, here, does }) => [kernel, here, does])
  return `### ${title}\n\n${table(['kernel', 'here', 'what it does here'], rows)}`
}

/** A cell that only names things of the kernel: `a`, `b`; today `c`. */
const NAMES = /^`[^`]+`((?:, |; today )`[^`]+`)*$/
/** A path that names of the file follow. */
const PATH = /`(?:src|packages)\/[^`]+` (?=`)/g

const namesIn = cell =>
  [...cell.matchAll(/`(?:struct )?([^`]+)`/g)].map(([, name]) => name.replace(/\(.*/, ''))
const keyOf = cell => namesIn(cell)[0].toLowerCase().replace(/^_+/, '')
const byName = (a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)

/** Returns the rows of names that have no sentence: `[kernel, here]`, each name once, in order. */
function otherNames({ topics, pages }) {
  const said = topics.flatMap(({ names }) => names)
  const seen = new Set(said.flatMap(({ kernel }) => namesIn(kernel)))
  const rows = pages.flatMap(({ sections }) => sections.flatMap(section => section.rows))
  const others = []
  for (const { kernel, here } of rows) {
    const own = NAMES.test(kernel) ? namesIn(kernel) : []
    if (own.every(name => seen.has(name))) continue
    for (const name of own) {
      seen.add(name)
    }
    others.push([kernel, here.replace(PATH, '').replaceAll('](../', '](')])
  }
  return others.sort(([a], [b]) => byName(a, b))
}

const kernelMap = () => JSON.parse(read('docs/records/kernel-map.json'))

/** Returns the blocks of hand-written pages, `{ NAME: text }`, by the paths of the pages. */
export function generatedBlocks(map = kernelMap()) {
  return {
    'docs/kernel-map.md': {
      names: map.topics.map(topicTable).join('\n\n'),
      others: table(['kernel', 'here'], otherNames(map)),
    },
    'packages/lab/records/found.md': foundTables(),
    'packages/lab/records/hunted.md': huntedTables(),
    'docs/records/upstream/README.md': draftTables(),
    'docs/comparison.md': {
      finds: wrapped(`vnet has found defects in packages of npm: ${foundCounts()}.`),
    },
  }
}

/** Returns the texts of all files that follow from data, by their paths. */
export function generatedFiles() {
  const map = kernelMap()
  const pages = Object.entries(generatedBlocks(map)).map(([path, blocks]) => [
    path,
    Object.entries(blocks).reduce(
      (page, [name, block]) => withBlock(page, name, block, path),
      read(path),
    ),
  ])
  const records = map.pages.map(page => [`docs/records/${page.file}`, mapPage(page)])
  return Object.fromEntries([...pages, ...records])
}

if (process.argv[1] === import.meta.filename) {
  readOptions()
  for (const [path, text] of Object.entries(generatedFiles())) {
    writeFileSync(join(root, path), text)
  }
}
