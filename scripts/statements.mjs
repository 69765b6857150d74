/**
 * node scripts/statements.mjs --seed NUMBER --count NUMBER: draws statements about the kernel from
 * the documents that make them, and prints each as `file:line text`, to be checked against the
 * kernel's source. Where the documents are unchanged, the same seed draws the same statements.
 *
 * A statement is a sentence or a row of a table that names the kernel, Linux or a driver, or in
 * code a name such as `netif_rx`. Headings, blocks of code, and rows that only pair names do not
 * count.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { random } from '../dist/base/random.js'
import { readOptions, refuse, text } from './options.mjs'

const COURSE = ['packages/learn/course/*/README.md', 'packages/learn/docs/to-the-kernel*.md']
const PAGES = [
  'docs/kernel-map.md',
  'docs/records/kernel-map*.md',
  'docs/ldd*.md',
  'docs/drivers/*.md',
  ...COURSE,
]

/** Headings, code that is fenced or indented, and the first two lines of a table. */
const UNREAD = /^```.*?^```|^(?:#| {4})[^\n]*|^\|[^\n]*\n\|[-| ]+$/gms
/** A row, or a text up to the end of its sentence, its paragraph, or its item in a list. */
const UNIT = /^\|[^\n]*|\S.*?(?:[.?!][)"*]*(?=\s)|(?=\n\s*(?:\n|[-|] ?|\d+\. |$(?!\n))))/gms
const NAME = /`(?:struct )?(?!SKB_)[a-z]+_\w+[^`/]*`/i
/** Code, paths, titles of tests, and the title of the book. */
const NO_PROSE = /`[^`]*`|\S*\/\S*|"[^"]*"|Linux Device Drivers/g

function isClaim(text) {
  const prose = text.replace(NO_PROSE, '')
  return (
    /[a-z]{2,} [a-z]{2,}/i.test(prose) &&
    (/\b(?:kernel|Linux|drivers?)\b/.test(prose) || NAME.test(text))
  )
}

/** Returns the statements of a page, as `line text`. */
export function statementsOf(page) {
  const read = page.replace(UNREAD, text => text.replace(/\S/g, ' '))
  const claims = [...read.matchAll(UNIT)].filter(([text]) => isClaim(text))
  return claims.map(
    ({ 0: text, index }) =>
      `${read.slice(0, index).split('\n').length} ${text.replace(/\s+/g, ' ')}`,
  )
}

/** Returns `count` elements of a list in their order, or all if it has fewer. */
export function draw(list, seed, count) {
  const { next } = random(seed)
  let left = count
  return list.filter((_, i) => next() * (list.length - i) < left && left-- > 0)
}

if (process.argv[1] === import.meta.filename) {
  const { seed, count } = readOptions({ seed: text, count: text }).values
  if (![seed, count].every(value => /^\d{1,9}$/.test(value))) {
    refuse('give --seed NUMBER and --count NUMBER')
  }
  const files = execFileSync('git', ['ls-files', '--', ...PAGES], { encoding: 'utf8' })
    .trim()
    .split('\n')
  const all = files.flatMap(file =>
    statementsOf(readFileSync(file, 'utf8')).map(found => `${file}:${found}`),
  )
  for (const statement of draw(all, Number(seed), Number(count))) {
    console.log(statement)
  }
}
