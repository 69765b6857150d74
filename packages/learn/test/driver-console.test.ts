/** The lines of an exercise's driver, for readers that are slow or do not read. */
import { expect, test, vi } from 'vitest'
import { LinePrinter } from '../src/commands/driver-console.ts'

/** A reader that takes at most `room()` bytes of each write. */
function slowReader(room: () => number) {
  const reader = { text: '', isFull: 0 }
  const write = (bytes: Uint8Array, at: number): number => {
    const taken = bytes.subarray(at, at + room())
    if (taken.length === 0) {
      reader.isFull++
      throw Object.assign(new Error('no room'), { code: 'EAGAIN' })
    }
    reader.text += Buffer.from(taken).toString('latin1')
    return taken.length
  }
  return { reader, write }
}

test('a line waits for room, and is written whole', () => {
  let calls = 0
  const { reader, write } = slowReader(() => (++calls % 2 === 0 ? 3 : 0))
  new LinePrinter(write, () => {}).print('a line of text')
  expect(reader).toEqual({ text: 'a line of text\n', isFull: 5 })
})

test('lines without a reader are lost after a bounded wait, and counted before the next line', () => {
  let room = 4
  const { reader, write } = slowReader(() => {
    const now = room
    if (room < 100) {
      room = 0
    }
    return now
  })
  const printer = new LinePrinter(write, () => {})
  printer.print('begun, and cut off')
  // The time to wait is used up: these lines wait no more.
  const before = reader.isFull
  printer.print('lost')
  printer.print('lost, too')
  expect(reader.isFull - before).toBeLessThanOrEqual(2)
  expect(reader.text).toBe('begu')
  room = 100
  printer.print('read')
  expect(reader.text).toBe('begu\nvnet: 3 lines are lost: nothing read them in time\nread\n')
  printer.print('next')
  expect(reader.text.endsWith('read\nnext\n')).toBe(true)
})

test('a reader that has closed its end loses lines without a wait', () => {
  const write = vi.fn(() => {
    throw Object.assign(new Error('closed'), { code: 'EPIPE' })
  })
  new LinePrinter(write, () => {}).print('a line')
  expect(write).toHaveBeenCalledTimes(1)
})

test('the line that exceeds 10 MB is not printed, and ends the driver', () => {
  const { reader, write } = slowReader(() => 1e7)
  const onTooMuch = vi.fn()
  const printer = new LinePrinter(write, onTooMuch)
  printer.print('x'.repeat(9_999_999))
  expect([reader.text.length, onTooMuch.mock.calls.length]).toEqual([10_000_000, 0])
  printer.print('')
  expect([reader.text.length, onTooMuch.mock.calls.length]).toEqual([10_000_000, 1])
})
