/** Tests of the search on the site, without a browser: its index, in the order of its options. */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { counted, fastIndex, OPTIONS, ranks } from '../../../../../scripts/questions.mjs'
import { BASE } from './visit.ts'

/** Loads a package of the site: MiniSearch, which VitePress has. The build installs it. */
const require = createRequire(new URL('../../../../../docs/package.json', import.meta.url))

/** How many of the thirty questions find their page. These numbers only grow. */
const FIRST = 24
const AMONG_THREE = 30

const COURSE_PAGE = /^learn\/course\.html/

/** What people type, and the pages of which one must be first. */
const FOUND: readonly [string, RegExp][] = [
  ['slow network', /^lab\/(run|recipes)\.html/],
  ['packet loss', /^(lab\/recipes|wires)\.html/],
  ['latency', /^lab\/recipes\.html/],
  ['NAT', /^lab\/(testing-nat|recipes)\.html/],
  ['TAP', /^tap\.html/],
  ['driver', /^write-a-driver\.html/],
  ['flaky', /^(lab\/(explore|testing)|guest\/find-failures)\.html/],
  ['playwright', /^lab\/browsers\.html/],
  ['install', /^(install\.html|readme\.html#install)/],
  ['learn', COURSE_PAGE],
  ['course', COURSE_PAGE],
  ['tutorial', COURSE_PAGE],
  ['write a driver', COURSE_PAGE],
  ['how to learn drivers', COURSE_PAGE],
]

/** The index of the site. `npm run docs` has built it in the directory. */
async function builtIndex(directory: string) {
  const chunks = join(directory, 'assets/chunks')
  const file = readdirSync(chunks).find(name => name.startsWith('@localSearchIndexroot')) ?? ''
  const { default: text } = await import(join(chunks, file))
  return require('minisearch').loadJSON(text, OPTIONS)
}

export function searchTests(directory: string): void {
  test.each(FOUND)('a search for "%s" finds the right page first', async (words, page) => {
    const index = await builtIndex(directory)
    const ids = index.search(words).map(({ id }: { id: string }) => id.slice(BASE.length))
    expect(ids[0]).toMatch(page)
    expect(ids.filter((id: string) => id.startsWith('site/'))).toEqual([])
  })

  test('most questions find their page first, and the others among the first three', async () => {
    const found = ranks(await builtIndex(directory))
    expect(found).toHaveLength(30)
    const { first, amongThree } = counted(found)
    expect(first).toBeGreaterThanOrEqual(FIRST)
    expect(amongThree).toBeGreaterThanOrEqual(AMONG_THREE)
  })

  test('scripts/questions.mjs finds what the site does', async () => {
    const found = (index: unknown) => ranks(index).map(({ question, rank }) => [question, rank])
    expect(found(await fastIndex())).toEqual(found(await builtIndex(directory)))
  })
}
