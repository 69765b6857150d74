/** Logs of many decisions. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DecisionFile } from '#src/wire/decision-file.node.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { linesOf } from './decision-lines.ts'

const directory = fileDirectory()

/** Logs drops of packets 1 to `count`. */
async function logDrops(path: string, count: number): Promise<void> {
  const log = new DecisionFile(path)
  for (let n = 1; n <= count; n++) {
    log.decision('ab', n, n, 'loss', 'drop', undefined, 'loss')
  }
  await log[Symbol.asyncDispose]()
}

test('fifty thousand lines are all written, in order', async () => {
  const path = join(directory, 'many')
  await logDrops(path, 50_000)
  expect(linesOf(path).map(({ n }) => n)).toEqual([
    undefined,
    ...Array.from({ length: 50_000 }, (_, i) => i + 1),
  ])
})

test('lines that do not fit the buffer are counted in the file', async () => {
  const path = join(directory, 'lost')
  // No write ends before this function does.
  await logDrops(path, 400_000)
  const lines = linesOf(path)
  expect(lines.length - 2 + lines.at(-1).lost).toBe(400_000)
})
