import { expect, test } from 'vitest'
import { fault } from '#src/wire/stages/fault.ts'
import { testWires } from '#support/wire.ts'
import { buildFrame, plain } from '../../packet/frames.ts'

const testWire = testWires()
const S = 1e9

/** A UDP packet from this port, with a number. */
function packet(port: number, n: number): Uint8Array {
  const bytes = Uint8Array.from(
    buildFrame({ packet: { ...plain, kind: 'udp' }, tags: [], padding: [] }),
  )
  bytes.set([port >> 8, port & 0xff], 34)
  bytes[4] = n
  return bytes
}

function wireOf(when: { first?: number; nth?: number; every?: number }) {
  const wire = testWire([fault('swap', undefined, when)])
  const numbers = () => wire.received.map(({ bytes }) => bytes[4])
  return { wire, numbers }
}

test('a swapped packet leaves after the next packet of its flow, and counts as reordered', () => {
  const { wire, numbers } = wireOf({ nth: 1 })
  for (const [port, n] of [
    [7, 1],
    [8, 2],
    [7, 3],
    [7, 4],
  ] as const) {
    wire.sendFrame(packet(port, n))
  }
  expect(numbers()).toEqual([2, 3, 1, 4])
  expect(wire.chain.report()[0]?.reordered).toBe(1)
})

test('a swap of every packet exchanges them in pairs', () => {
  const { wire, numbers } = wireOf({ every: 1 })
  for (const n of [1, 2, 3, 4]) {
    wire.sendFrame(packet(7, n))
  }
  expect(numbers()).toEqual([2, 1, 4, 3])
})

test('packets of more than 100 flows pass unswapped, and none is lost', () => {
  const { wire, numbers } = wireOf({ first: 102 })
  for (let n = 1; n <= 102; n++) {
    wire.sendFrame(packet(1000 + n, n))
  }
  expect(numbers()).toEqual([101, 102])
  wire.advance(S)
  expect(numbers()).toHaveLength(102)
})

test('each fault of a wire swaps packets of up to 100 flows', () => {
  const odd = (bytes: Uint8Array, at: number) => (bytes[at + 35] & 1) === 1
  const even = (bytes: Uint8Array, at: number) => !odd(bytes, at)
  const wire = testWire([fault('swap', even, { every: 1 }), fault('swap', odd, { every: 1 })])
  for (let n = 1; n <= 150; n++) {
    wire.sendFrame(packet(1000 + n, n))
  }
  expect(wire.received.length).toBe(0)
})

test('swapped packets of two flows wait for their own flow', () => {
  const { wire, numbers } = wireOf({ first: 2 })
  for (const [port, n] of [
    [7, 1],
    [8, 2],
    [8, 3],
    [7, 4],
  ] as const) {
    wire.sendFrame(packet(port, n))
  }
  expect(numbers()).toEqual([3, 2, 4, 1])
})

test('swapped packets that nothing overtakes leave after 1 s, each by itself', () => {
  const { wire, numbers } = wireOf({ first: 2 })
  wire.sendFrame(packet(7, 1))
  wire.advance(S / 2)
  wire.sendFrame(packet(8, 2))
  wire.advance(S / 2 - 1)
  expect(numbers()).toEqual([])
  wire.advance(1)
  expect(numbers()).toEqual([1])
  wire.advance(S / 2)
  expect(numbers()).toEqual([1, 2])
})

test('a swapped packet that nothing overtakes is logged with its delay when it leaves', () => {
  const wire = testWire([fault('swap', undefined, { first: 1 })], { log: true })
  wire.sendFrame(packet(7, 1))
  wire.advance(S)
  const [decision] = wire.decisions.filter(({ verdict }) => verdict === 'delay')
  expect(decision).toMatchObject({ id: 1, time: wire.received[0]?.time, amount: S })
})
