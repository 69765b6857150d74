import { expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { CHECKSUM_NONE } from '#src/skb/sk-buff.ts'
import { corrupt } from '#src/wire/stages/corrupt.ts'
import { duplicate } from '#src/wire/stages/duplicate.ts'
import { truncate } from '#src/wire/stages/truncate.ts'
import { plainFrame, testWires } from '#support/wire.ts'
import { buildFrame, type Frame, plain, plain6 } from '../../packet/frames.ts'
import { addsUp, pseudoHeader } from '../../packet/naive.ts'

const makeWire = testWires()

const framed = (packet: Frame['packet'], tags: Frame['tags'] = []): Frame => ({
  packet,
  tags,
  padding: [],
})
const udp = { ...plain, kind: 'udp', payload: new Array(100).fill(7) } as const
const full = buildFrame(framed({ ...udp, checksum: 'full' }))
const partial = buildFrame(framed({ ...udp, checksum: 'partial' }))
/** Start of the UDP header after Ethernet and IPv4, and its checksum's offset. */
const fields = { csumStart: 34, csumOffset: 6 }

function differing(a: Uint8Array, b: Uint8Array): number[] {
  return [...a].flatMap((octet, i) => (octet === b[i] ? [] : [i]))
}

test('duplicate sends a copy with the same packet id right after the packet', () => {
  const wire = makeWire([duplicate(1)], { log: true })
  wire.sendFrame(full)
  wire.send(1)
  expect(wire.received.map(({ id }) => id)).toEqual([1, 1, 2, 2])
  expect(wire.received[1].bytes).toEqual(full)
  expect(wire.conserved()).toMatchObject({ in: 2, duplicated: 2, out: 4 })
  expect(
    wire.decisions.filter(({ verdict }) => verdict === 'duplicate').map(({ id }) => id),
  ).toEqual([1, 2])
})

test('a packet is not duplicated without frame memory', () => {
  const wire = makeWire([duplicate(1)], { large: 1, small: 1 })
  wire.send(1)
  expect(wire.received.length).toBe(2)
  const tight = makeWire([duplicate(1)], { large: 0, small: 1 })
  tight.send(1)
  expect(tight.conserved()).toMatchObject({ in: 1, duplicated: 0, out: 1 })
})

test('corrupt flips one bit after the Ethernet header and reports its position', () => {
  const wire = makeWire([corrupt(1)], { log: true })
  for (let i = 0; i < 100; i++) {
    wire.sendFrame(full)
  }
  for (const [i, { bytes }] of wire.received.entries()) {
    const [at, ...more] = differing(full, bytes)
    expect([more, at >= 14]).toEqual([[], true])
    const bit = wire.decisions.filter(({ verdict }) => verdict === 'corrupt')[i].amount as number
    expect([Math.floor(bit / 8), full[at] ^ bytes[at]]).toEqual([at, 0x80 >> (bit % 8)])
  }
  expect(wire.chain.report()[0]).toMatchObject({ in: 100, out: 100, corrupted: 100 })
})

test('corrupt does not change VLAN tags', () => {
  const tagged = buildFrame(framed({ ...udp, payload: [] }, [{ type: 0x8100, tci: 5 }]))
  const wire = makeWire([corrupt(1)])
  for (let i = 0; i < 300; i++) {
    wire.sendFrame(tagged)
  }
  expect(
    Math.min(...wire.received.map(({ bytes }) => differing(tagged, bytes)[0])),
  ).toBeGreaterThanOrEqual(18)
})

test.each([14, 33, 50])('corrupt at %i inverts that byte of the frame', at => {
  const wire = makeWire([corrupt(1, { at })], { log: true })
  wire.sendFrame(full)
  expect(differing(full, wire.received[0].bytes)).toEqual([at])
  expect(wire.received[0].bytes[at]).toBe(full[at] ^ 0xff)
  expect(wire.decisions.at(-1)).toMatchObject({ verdict: 'corrupt', amount: 8 * at })
})

test.each([
  ['IPv4', plain, 34],
  ['IPv6', plain6, 54],
])(
  'corrupt completes a partial checksum of %s first, so that the receiver sees the error',
  (_, packet, h) => {
    const kind = { ...packet, kind: 'udp', payload: new Array(100).fill(7) } as const
    const wire = makeWire([corrupt(1, { at: h + 50 })])
    wire.sendFrame(buildFrame(framed({ ...kind, checksum: 'partial' })), {
      csumStart: h,
      csumOffset: 6,
    })
    const [{ bytes, ipSummed }] = wire.received
    expect(ipSummed).toBe(CHECKSUM_NONE)
    const transport = () => [...bytes.subarray(h)]
    const sums = () =>
      addsUp([...pseudoHeader(kind.source, kind.destination, 17, bytes.length - h), ...transport()])
    expect(sums()).toBe(false)
    bytes[h + 50] ^= 0xff
    expect(sums()).toBe(true)
  },
)

test('a frame that ends before the byte to corrupt passes as it is', () => {
  const wire = makeWire([corrupt(1, { at: 60 }), corrupt(1)])
  wire.sendFrame(plainFrame(14))
  expect(wire.received[0].bytes).toEqual(plainFrame(14))
  expect(wire.chain.report().map(({ corrupted }) => corrupted)).toEqual([0, 0])
})

test('truncate cuts frames to the requested length and counts them as corrupted', () => {
  const wire = makeWire([truncate(60)], { log: true })
  wire.sendFrame(full)
  wire.sendFrame(plainFrame(60))
  expect(wire.received.map(({ bytes }) => bytes)).toEqual([full.slice(0, 60), plainFrame(60)])
  expect(wire.chain.report()[0]).toMatchObject({ in: 2, out: 2, corrupted: 1 })
  expect(wire.decisions.find(({ verdict }) => verdict === 'corrupt')?.amount).toBe(full.length - 60)
})

test('truncate completes a partial checksum first, over the whole packet', () => {
  const wire = makeWire([truncate(60)])
  wire.sendFrame(partial, fields)
  expect(wire.received[0].bytes).toEqual(full.slice(0, 60))
  expect(wire.received[0].ipSummed).toBe(CHECKSUM_NONE)
})

test('stages that damage packets print their spec', () => {
  const impairments = [
    duplicate('1%'),
    duplicate(0.01, { correlation: 0.25 }),
    corrupt(0.1),
    corrupt(1, { at: 40 }),
    corrupt(0.1, { correlation: '5%' }),
    truncate(64),
    truncate(64, 0.5),
  ]
  expect(impairments.map(({ text }) => text)).toEqual([
    'duplicate 1%',
    'duplicate 1% 25%',
    'corrupt 10%',
    'corrupt at 40',
    'corrupt 10% 5%',
    'truncate 64',
    'truncate 64 50%',
  ])
})

test.each([
  [() => duplicate(2), '2 is not a share from 0 to 1'],
  [() => corrupt(1, { at: -1 }), '-1 is not the position of a byte: a whole number from 0 on'],
  [() => truncate(13), 'frames cannot be truncated to 13 bytes: at least 14, the Ethernet header'],
])('damage refuses wrong numbers in one line', (make, message) => {
  expect(make).toThrow(new UsageError(message))
})
