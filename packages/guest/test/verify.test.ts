/** The comparison of the outboxes of two runs. */
import { expect, test } from 'vitest'
import { firstDifference } from '../src/mail.ts'
import { outboxes, record } from './support/outbox.ts'

test('runs with the same records have no difference', () => {
  expect(
    firstDifference(...outboxes([record('o', 1n, 'a')], [record('o', 1n, 'a')])),
  ).toBeUndefined()
})

test('a difference is named with its time, its output and its line', () => {
  const first = record('o', 1n, 'one\n')
  expect(
    firstDifference(
      ...outboxes(
        [first, record('e', 2_000_000_001n, 'a')],
        [first, record('e', 2_000_000_001n, 'b')],
      ),
    ),
  ).toBe('2.000000 s after the first output: standard error is "a" in one run, "b" in the other')
})
