/** docs/statistics.md has every field, and every drop reason has a cause. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { queueCounterFields } from '#src/control/protocol/queue-counters.ts'
import { statsOfDrop } from '#src/netdev/counters.ts'
import { kernelName, linkStats64Fields } from '#src/netdev/stats.ts'
import { SKB_DROP_REASON_MAX } from '#src/skb/drop-reason.ts'
import { dropReasonName, dropReasonOf } from '#src/skb/drop-reason-name.ts'
import { DROP_CAUSES } from '../../packages/web/src/page/drop-cause.ts'

const page = readFileSync(new URL('../../docs/statistics.md', import.meta.url), 'utf8')

/** Returns the cells of the table below a heading, row by row. */
function rows(heading: string): string[][] {
  const section = page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''
  const lines = section.split('\n').filter(line => line.startsWith('|'))
  return lines.slice(2).map(line => line.split('|').map(cell => cell.trim()))
}

const names = (cell = '') => cell.split(', ')

test('docs/statistics.md has a row for every field', () => {
  const fields = rows('Fields').flatMap(([, cell]) => names(cell))
  expect([...fields].sort()).toEqual(linkStats64Fields.map(kernelName).sort())
})

test('docs/statistics.md has a row for every counter that only vnet has', () => {
  const counters = rows('Other counters').map(([, cell = '']) => cell.replace(/ .*/, ''))
  expect(counters).toEqual([...queueCounterFields.map(kernelName), 'held'])
})

test('every drop reason has a cause, in the order of their numbers', () => {
  const all = Array.from({ length: SKB_DROP_REASON_MAX - 1 }, (_, i) => dropReasonName(i + 1))
  expect(Object.keys(DROP_CAUSES)).toEqual(all)
})

test('a drop reason in the row of a field counts in that field', () => {
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
