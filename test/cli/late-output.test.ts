import { beforeEach, expect, test } from 'vitest'
import { LateOutput } from '#src/cli/process/process-output.ts'

let written: string[]
/** Completes the pending write, as when the reader reads. */
let read: (good?: boolean) => void
let output: LateOutput
beforeEach(() => {
  written = []
  read = () => {}
  output = new LateOutput((text, done) => {
    written.push(text)
    read = (good = true) => done(good)
  })
})

const line = `${'x'.repeat(99)}\n`
const lost = (lines: number) => `${lines} lost\n`
const all = () => written.join('')

test('late output writes text in order, one write at a time', () => {
  output.push('one\n')
  output.push('two\n')
  output.pushLine('three\n', lost)
  expect(written).toEqual(['one\n'])
  read()
  expect(written).toEqual(['one\n', 'two\nthree\n'])
  read()
  expect(output.isBehind).toBe(false)
})

test('without a reader, late output queues a bounded number of lines and later reports the lost ones', () => {
  for (let n = 0; n < 100_000; n++) {
    output.pushLine(line, lost)
  }
  output.push('statistics\n')
  while (output.isBehind) {
    read()
  }
  const kept = all().split(line).length - 1
  expect(kept).toBe(Math.floor((256 * 1024) / line.length))
  expect(all()).toBe(`${line.repeat(kept)}statistics\n${100_000 - kept} lost\n`)
  output.pushLine('later\n', lost)
  expect(written.at(-1)).toBe('later\n')
})

test('a writer that waits for room keeps the queue bounded, and continues when most of it was read', async () => {
  let lines = 0
  while (output.room === undefined) {
    output.push(line)
    lines++
  }
  expect(lines).toBe(Math.ceil((256 * 1024) / line.length))
  const order: string[] = []
  const room = output.room.then(() => order.push('room'))
  read()
  await Promise.resolve()
  order.push('half')
  read()
  await room
  expect([order, output.isBehind]).toEqual([['half', 'room'], false])
})

test('a writer does not wait for room at a descriptor that failed', async () => {
  while (output.room === undefined) {
    output.push(line)
  }
  const room = output.room
  read(false)
  await room
  expect(output.room).toBeUndefined()
})

test('late output writes nothing more to a descriptor that failed, and does not wait for it', () => {
  output.push('one\n')
  output.push('two\n')
  read(false)
  output.push('three\n')
  expect([written, output.isBehind]).toEqual([['one\n'], false])
})

test('flush settles when everything is written', async () => {
  output.push('one\n')
  output.push('two\n')
  const flushed = output.flush(60_000)
  read()
  read()
  await flushed
  expect(all()).toBe('one\ntwo\n')
})

test('flush gives up after its timeout', async () => {
  output.push('one\n')
  await output.flush(1)
  expect(output.isBehind).toBe(true)
})
