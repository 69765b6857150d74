/** packages/lan/docs/lan.md: its tables are complete. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { driver } from '../../src/driver.ts'

const page = readFileSync(new URL('../../docs/lan.md', import.meta.url), 'utf8')
const section = (heading: string) =>
  page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''

test('packages/lan/docs/lan.md has a row for every option of `vnet lan`', () => {
  const rows = section('Options')
    .match(/^\| `.*$/gm)
    ?.join('\n')
  for (const name of Object.keys(driver.params)) {
    expect(rows).toContain(`\`--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`)
  }
})

test('the table of differences in packages/lan/docs/lan.md has four columns in each row', () => {
  const rows = section('Differences').match(/^\| .*$/gm) ?? []
  expect(rows.length).toBeGreaterThan(15)
  for (const row of rows) {
    expect(row.split(' | ')).toHaveLength(4)
  }
})
