import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { settleClock } from '../src/settle.ts'

const MARK = 'vnet-stop-clock!'
const INSTRUCTIONS = 1_000_000n
const STAMP = 9_000_000n

/** As QEMU's file: the clock's section with two numbers, and the registers of the CPU. */
function devices(bias: bigint, marks = [MARK]): Buffer {
  const clock = Buffer.alloc(16)
  clock.writeBigInt64BE(bias)
  clock.writeBigInt64BE(INSTRUCTIONS, 8)
  const stamp = Buffer.alloc(8)
  stamp.writeBigInt64BE(STAMP)
  const cpu = marks.flatMap(mark => [Buffer.from(mark, 'latin1'), stamp])
  return Buffer.concat([
    Buffer.from('QEVM\x0ctimer/icount\0\0\0\x01', 'latin1'),
    clock,
    Buffer.from('cpu'),
    ...cpu,
  ])
}

test('a clock that has moved is set to the time of the stop, six instructions after the time stamp', () => {
  const right = devices(STAMP + 6n - INSTRUCTIONS)
  const moved = devices(STAMP + 6n - INSTRUCTIONS + 2_711_035n)
  expect(settleClock(moved)).toBe(2_711_035)
  expect(moved.equals(right)).toBe(true)
})

test('a clock that is right remains', () => {
  const saved = devices(STAMP + 6n - INSTRUCTIONS)
  const before = Buffer.from(saved)
  expect(settleClock(saved)).toBe(0)
  expect(saved.equals(before)).toBe(true)
})

test.each([[[]], [[MARK, MARK]]])('a state with %j in place of one mark is refused', marks => {
  expect(() => settleClock(devices(0n, marks))).toThrow('not understood')
})
