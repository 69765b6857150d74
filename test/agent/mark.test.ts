/** Which attachment is not restored after ends while its frame was in work. */
import { chownSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Mark, openMark } from '#src/agent/mark.ts'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { LOGLEVEL_WARNING, Log } from '#src/base/log.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { loadNative } from '#src/linux/native.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()

/** Starts daemons one after the other, each of which is killed while the given frame is in work. */
function culprits(...inWork: readonly number[]): number[] {
  const words = new Int32Array(2)
  return [...inWork, 0].map(number => {
    const { culprit } = new Mark(words, new FakeClock())
    words[0] = number
    return culprit
  })
}

test('an attachment is the culprit of the second of two ends in a row, and no other is', () => {
  expect(culprits(7, 7)).toEqual([0, 0, 7])
  expect(culprits(7, 3, 7)).toEqual([0, 0, 0, 0])
  expect(culprits(7, 0, 7)).toEqual([0, 0, 0, 0])
  expect(culprits(0, 0)).toEqual([0, 0, 0])
  expect(culprits(7, 7, 3, 3)).toEqual([0, 0, 7, 0, 3])
})

test('ten minutes of good running clear the suspicion', () => {
  const words = Int32Array.of(7, 0)
  const clock = new FakeClock()
  expect(new Mark(words, clock).culprit).toBe(0)
  expect([...words]).toEqual([0, 7])
  clock.advance(600 * NSEC_PER_SEC - 1)
  expect([...words]).toEqual([0, 7])
  clock.advance(1)
  expect([...words]).toEqual([0, 0])
})

test('an orderly end clears the suspicion', () => {
  const words = Int32Array.of(7, 0)
  const clock = new FakeClock()
  using mark = new Mark(words, clock)
  words[0] = 5
  mark[Symbol.dispose]()
  expect([[...words], clock.armed]).toEqual([[0, 0], 0])
})

const log = (lines: string[]) => new Log(LOGLEVEL_WARNING, (_, text) => lines.push(text))

test('the file has the marks at every moment, and the next daemon reads them', () => {
  const file = join(directory, 'node.mark')
  const net = { clock: new FakeClock(), log: log([]) }
  const first = openMark(loadNative(), file, net)
  first.words[0] = 7
  expect([readFileSync(file).readInt32LE(), statSync(file).mode & 0o777]).toEqual([7, 0o600])
  expect(openMark(loadNative(), file, net)).toMatchObject({ culprit: 0 })
  first.words[0] = 7
  expect(openMark(loadNative(), file, net).culprit).toBe(7)
})

test.each([
  'a link',
  'a file of another program',
  'a mark of another user',
  'a directory that does not exist',
])('%s is not touched: a line is logged, and nothing is suspect', kind => {
  const file = kind.startsWith('a directory')
    ? join(directory, 'no', 'node.mark')
    : join(directory, 'mark')
  const other = join(directory, 'other')
  writeFileSync(other, 'precious')
  rmSync(file, { force: true })
  if (kind === 'a link') {
    symlinkSync(other, file)
  } else if (kind === 'a file of another program') {
    writeFileSync(file, 'precious')
  } else if (kind === 'a mark of another user') {
    writeFileSync(file, new Uint8Array(4096).fill(1))
    chownSync(file, 65534, 65534)
  }
  const lines: string[] = []
  const mark = openMark(loadNative(), file, { clock: new FakeClock(), log: log(lines) })
  expect([mark.words[1], lines.length, readFileSync(other, 'utf8')]).toEqual([0, 1, 'precious'])
  expect(lines[0]).toMatch(/mark: it is not used: /)
  if (kind === 'a file of another program') {
    expect(readFileSync(file, 'utf8')).toBe('precious')
  }
})
