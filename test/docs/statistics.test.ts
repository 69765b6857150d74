/** docs/statistics.md names every field and every reason that there is, and none besides. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { statsOfDrop } from '../../src/core/drop-stats.ts'
import { linkStats64Fields } from '../../src/core/stats.ts'
import { dropReasonName, dropReasonOf, SKB_DROP_REASON_MAX } from '../../src/skb/drop-reason.ts'

const page = readFileSync(new URL('../../docs/statistics.md', import.meta.url), 'utf8')

/** The cells of a table's rows, by the heading above it. */
function rows(heading: string): string[][] {
  const section = page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''
  const lines = section.split('\n').filter(line => line.startsWith('|'))
  return lines.slice(2).map(line => line.split('|').map(cell => cell.trim()))
}

const names = (cell = '') => cell.split(', ')

test('every field has a row', () => {
  const fields = rows('Fields').flatMap(([, cell]) => names(cell))
  const snake = linkStats64Fields.map(field => field.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`))
  expect([...fields].sort()).toEqual([...snake].sort())
})

test('every reason has a row', () => {
  const reasons = rows('Reasons').flatMap(([, cell]) => names(cell))
  const all = Array.from({ length: SKB_DROP_REASON_MAX - 1 }, (_, i) => dropReasonName(i + 1))
  expect([...reasons].sort()).toEqual([...all].sort())
})

test('a reason that a field’s row names counts there', () => {
  for (const [, fields, what = ''] of rows('Fields')) {
    if (names(fields).length > 1 || !/(errors|nohandler|otherhost)/.test(fields ?? '')) continue
    const field = linkStats64Fields.findIndex(
      name => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`) === fields,
    )
    const named = [...what.matchAll(/\b[A-Z][A-Z_]+\b/g)].map(([name]) => dropReasonOf(name))
    for (const reason of named) {
      if (reason === undefined) continue
      expect(statsOfDrop(reason, fields?.startsWith('rx') ?? false)).toContain(field)
    }
  }
})
