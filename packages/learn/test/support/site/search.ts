/** Tests of the search on the site, without a browser: its index, in the order of its options. */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { searchOptions } from '../../../../../docs/.vitepress/search.mjs'
import { BASE } from './visit.ts'

/** Loads a package of the site: MiniSearch, which VitePress has. The build installs it. */
const require = createRequire(new URL('../../../../../docs/package.json', import.meta.url))

const COURSE_PAGE = /^learn\/course\.html/

/** What people type, and the pages of which one must be first. */
const FOUND: readonly [string, RegExp][] = [
  ['slow network', /^lab\/(run|recipes)\.html/],
  ['packet loss', /^(lab\/recipes-loss|wires)\.html/],
  ['latency', /^lab\/recipes\.html/],
  ['NAT', /^lab\/testing-nat\.html/],
  ['TAP', /^tap\.html/],
  ['driver', /^write-a-driver\.html/],
  ['flaky', /^(lab\/(explore|testing)|guest\/find-failures)\.html/],
  ['playwright', /^lab\/browsers\.html/],
  ['install', /^readme\.html#install/],
  ['learn', COURSE_PAGE],
  ['course', COURSE_PAGE],
  ['tutorial', COURSE_PAGE],
  ['write a driver', COURSE_PAGE],
  ['how to learn drivers', COURSE_PAGE],
]

export function searchTests(directory: string): void {
  test.each(FOUND)('a search for "%s" finds the right page first', async (words, page) => {
    const chunks = join(directory, 'assets/chunks')
    const file = readdirSync(chunks).find(name => name.startsWith('@localSearchIndexroot')) ?? ''
    const { default: text } = await import(join(chunks, file))
    const MiniSearch = require('minisearch')
    // As VPLocalSearchBox.vue loads it.
    const boost = { title: 4, text: 2, titles: 1 }
    const index = MiniSearch.loadJSON(text, {
      fields: ['title', 'titles', 'text'],
      storeFields: ['title', 'titles'],
      searchOptions: { fuzzy: 0.2, prefix: true, boost, ...searchOptions },
    })
    const ids = index.search(words).map(({ id }: { id: string }) => id.slice(BASE.length))
    expect(ids[0]).toMatch(page)
    expect(ids.filter((id: string) => id.startsWith('site/'))).toEqual([])
  })
}
