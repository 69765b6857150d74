/** The comparison of the outboxes of two runs. */
import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { firstDifference } from '../src/mail.ts'
import { record, writeOutbox } from './support/outbox.ts'

const directory = freshDirectory()

/** Returns the difference of two runs with these records. */
function differenceOf(...runs: readonly (readonly Buffer[])[]): string | undefined {
  const paths = runs.map((records, i) => {
    writeOutbox(join(directory, `${i}`), Buffer.concat(records))
    return join(directory, `${i}`)
  })
  return firstDifference(...(paths as [string, string]))
}

test('runs with the same records have no difference', () => {
  expect(differenceOf([record('o', 1n, 'a')], [record('o', 1n, 'a')])).toBeUndefined()
})

test('a difference is named with its time, its output and its line', () => {
  const first = record('o', 1n, 'one\n')
  expect(
    differenceOf(
      [first, record('e', 2_000_000_001n, 'a')],
      [first, record('e', 2_000_000_001n, 'b')],
    ),
  ).toBe('2.000000 s after the first output: standard error is "a" in one run, "b" in the other')
})

test('a difference after many bytes is found', () => {
  const much = Array<Buffer>(20).fill(record('o', 1n, 'x'.repeat(1 << 20)))
  expect(differenceOf([...much, record('o', 2n, 'a')], [...much, record('o', 2n, 'b')])).toContain(
    '"a" in one run',
  )
  expect(differenceOf(much, [...much, record('o', 2n, 'b')])).toContain(
    'nothing in one run, standard output',
  )
})
