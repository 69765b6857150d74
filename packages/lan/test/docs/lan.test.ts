/** packages/lan/docs: the table of the port's differences is complete. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync(new URL('../../docs/lan-port.md', import.meta.url), 'utf8')
const section = (heading: string) =>
  page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''

test('the table of differences in packages/lan/docs/lan-port.md has four columns in each row', () => {
  const rows = section('Differences').match(/^\| .*$/gm) ?? []
  expect(rows.length).toBeGreaterThan(15)
  for (const row of rows) {
    expect(row.split(' | ')).toHaveLength(4)
  }
})
