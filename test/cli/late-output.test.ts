import { beforeEach, expect, test } from 'vitest'
import { LateOutput } from '../../src/cli/late-output.ts'

let written: string[]
/** Ends the write that goes on: the reader has read. */
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

test('text is written in order, one write after the other', () => {
  output.push('one\n')
  output.push('two\n')
  output.pushLine('three\n', lost)
  expect(written).toEqual(['one\n'])
  read()
  expect(written).toEqual(['one\n', 'two\nthree\n'])
  read()
  expect(output.isBehind).toBe(false)
})

test('with no reader a bounded number of lines waits, the others are counted, and that is told when it reads', () => {
  for (let n = 0; n < 100_000; n++) output.pushLine(line, lost)
  output.push('statistics\n')
  while (output.isBehind) read()
  const kept = all().split(line).length - 1
  expect(kept).toBe(Math.floor((256 * 1024) / line.length))
  expect(all()).toBe(`${line.repeat(kept)}statistics\n${100_000 - kept} lost\n`)
  output.pushLine('later\n', lost)
  expect(written.at(-1)).toBe('later\n')
})

test('a descriptor that fails gets nothing more, and nothing waits for it', () => {
  output.push('one\n')
  output.push('two\n')
  read(false)
  output.push('three\n')
  expect([written, output.isBehind]).toEqual([['one\n'], false])
})

test('a flush settles when all is written', async () => {
  output.push('one\n')
  output.push('two\n')
  const flushed = output.flush(60_000)
  read()
  read()
  await flushed
  expect(all()).toBe('one\ntwo\n')
})

test('a flush does not wait for ever', async () => {
  output.push('one\n')
  await output.flush(1)
  expect(output.isBehind).toBe(true)
})
