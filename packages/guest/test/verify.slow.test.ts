/** The comparison of outboxes that are longer than one read. */
import { expect, test } from 'vitest'
import { firstDifference } from '../src/mail.ts'
import { outboxes, record } from './support/outbox.ts'

test('a difference after many bytes is found', () => {
  const much = Array<Buffer>(20).fill(record('o', 1n, 'x'.repeat(1 << 20)))
  expect(
    firstDifference(...outboxes([...much, record('o', 2n, 'a')], [...much, record('o', 2n, 'b')])),
  ).toContain('"a" in one run')
  expect(firstDifference(...outboxes(much, [...much, record('o', 2n, 'b')]))).toContain(
    'nothing in one run, standard output',
  )
})
