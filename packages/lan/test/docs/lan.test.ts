/** docs/lan.md: its tables are complete, and its links have targets. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { driver } from '../../src/driver.ts'

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')
const page = read('docs/lan.md')
const section = (heading: string) => page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''

test('docs/lan.md has a row for every option of `vnet lan`', () => {
  const rows = section('Options')
    .match(/^\| `.*$/gm)
    ?.join('\n')
  for (const name of Object.keys(driver.params)) {
    expect(rows).toContain(`\`--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`)
  }
})

test('the table of differences in docs/lan.md has four columns in each row', () => {
  const rows = section('Differences').match(/^\| .*$/gm) ?? []
  expect(rows.length).toBeGreaterThan(15)
  for (const row of rows) expect(row.split(' | ')).toHaveLength(4)
})

test('the links of docs/lan.md have targets', () => {
  const links = [...page.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path]) => path)
  expect(links.length).toBeGreaterThan(2)
  for (const path of links) expect(read(`docs/${path}`).length).toBeGreaterThan(0)
})
