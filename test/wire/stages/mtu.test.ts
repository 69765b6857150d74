import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { mtu } from '#src/wire/stages/mtu.ts'
import { ChecksumVerifier } from '#support/frames.ts'
import { plainFrame, testWires } from '#support/wire.ts'
import { buildFrame, type Packet, plain, plain6 } from '../../packet/frames.ts'
import { naiveChecksum, word } from '../../packet/naive.ts'

const makeWire = testWires()

const TAG = { type: 0x8100, tci: 7 }
/** Returns a frame with an IP packet of `length` bytes. IPv4 has DF. */
function frameOf(base: Packet, length: number, tags = 0, padding = 0): Uint8Array {
  const payload = new Array<number>(length - (base === plain ? 28 : 48)).fill(7)
  const packet: Packet = { ...base, kind: 'udp', payload }
  const bytes = buildFrame({
    packet,
    tags: new Array(tags).fill(TAG),
    padding: new Array(padding).fill(0),
  })
  const nh = 14 + 4 * tags
  if (base !== plain) return bytes
  bytes.set([0x40, 0], nh + 6)
  bytes.set([0, 0], nh + 10)
  bytes.set(word(naiveChecksum([...bytes.slice(nh, nh + 20)])), nh + 10)
  return bytes
}

describe('packets', () => {
  for (const base of [plain, plain6]) {
    const name = base === plain ? 'IPv4' : 'IPv6'

    test(`${name} packets pass up to the MTU, and are dropped above it`, () => {
      const wire = makeWire([mtu(1000)])
      wire.sendFrame(frameOf(base, 1000))
      wire.sendFrame(frameOf(base, 1001))
      expect([wire.received.length, wire.drops, wire.replied.length]).toEqual([1, { mtu: 1 }, 0])
    })

    test(`${name} packets are measured without tags and padding`, () => {
      const wire = makeWire([mtu(1000)])
      wire.sendFrame(frameOf(base, 1000, 2, 50))
      wire.sendFrame(frameOf(base, 1001, 2))
      expect([wire.received.length, wire.drops]).toEqual([1, { mtu: 1 }])
    })
  }

  test('packets that are not IP are measured without the link header', () => {
    const wire = makeWire([mtu(1000, { icmp: true })])
    wire.sendFrame(plainFrame(1014))
    wire.sendFrame(plainFrame(1015))
    expect([wire.received.length, wire.drops, wire.replied.length]).toEqual([1, { mtu: 1 }, 0])
  })

  test('a change sets a new MTU', () => {
    const wire = makeWire([mtu(1000)])
    wire.sendFrame(frameOf(plain, 1001))
    wire.chain.set([mtu('1001')])
    wire.sendFrame(frameOf(plain, 1001))
    expect([wire.received.length, wire.drops]).toEqual([1, { mtu: 1 }])
  })
})

describe('errors', () => {
  for (const base of [plain, plain6]) {
    const isIpv4 = base === plain

    test(`errors about ${isIpv4 ? 'IPv4' : 'IPv6'} packets go to the sender, with the MTU and the tags of the packet`, () => {
      const wire = makeWire([mtu(1000, { icmp: true })])
      wire.sendFrame(frameOf(base, 1400, 1))
      const [error] = wire.replied
      const h = 18 + (isIpv4 ? 20 : 40)
      expect([...(error?.bytes.slice(0, 6) ?? [])]).toEqual([2, 0, 0, 0, 0, 2])
      expect([...(error?.bytes.slice(12, 16) ?? [])]).toEqual([0x81, 0, 0, 7])
      expect(error?.bytes[h]).toBe(isIpv4 ? 3 : 2)
      expect([...(error?.bytes.slice(h + 6, h + 8) ?? [])]).toEqual(word(1000))
      expect([wire.received.length, wire.drops]).toEqual([0, { mtu: 1 }])
    })
  }

  test('an error quotes a complete checksum where the packet has a partial one', () => {
    const wire = makeWire([mtu(100, { icmp: true })])
    const frame = frameOf(plain, 120)
    const complete = frame.slice(40, 42)
    const packet: Packet = {
      ...plain,
      kind: 'udp',
      payload: new Array<number>(92).fill(7),
      checksum: 'partial',
    }
    frame.set(buildFrame({ packet, tags: [], padding: [] }).slice(40, 42), 40)
    wire.sendFrame(frame, { csumStart: 34, csumOffset: 6 })
    const octets = wire.replied[0]?.bytes as Uint8Array
    expect(octets.slice(42 + 26, 42 + 28)).toEqual(complete)
    const verifier = new ChecksumVerifier()
    verifier.verify({ octets, flags: 0, gsoType: 0, gsoSize: 0, csumStart: 0, csumOffset: 0 })
    expect([verifier.problems, verifier.verified]).toEqual([[], { 1: 1, 4: 1 }])
  })

  test('at most fifty errors are sent in a burst, and a thousand per second', () => {
    const wire = makeWire([mtu(100, { icmp: true })])
    const frame = frameOf(plain, 101)
    for (let i = 0; i < 100; i++) {
      wire.sendFrame(frame)
    }
    expect(wire.replied.length).toBe(50)
    wire.advance(NSEC_PER_SEC / 100)
    for (let i = 0; i < 100; i++) {
      wire.sendFrame(frame)
    }
    expect([wire.replied.length, wire.drops]).toEqual([60, { mtu: 200 }])
  })

  test('errors are logged, and not sent if no memory is left', () => {
    const wire = makeWire([mtu(100, { icmp: true })], { log: true, large: 1, small: 1 })
    wire.sendFrame(frameOf(plain, 101))
    expect(wire.decisions.map(({ verdict, amount }) => [verdict, amount])).toEqual([
      ['arrival', undefined],
      ['icmp', 100],
      ['drop', undefined],
    ])
    const scarce = makeWire([mtu(100, { icmp: true })], { large: 0, small: 1 })
    scarce.sendFrame(frameOf(plain, 101))
    expect([scarce.replied.length, scarce.drops]).toEqual([0, { mtu: 1 }])
  })
})

test('an mtu prints its parameters, and wrong arguments are refused', () => {
  expect([mtu(1400).text, mtu('1kb', { icmp: true }).text]).toEqual(['mtu 1400', 'mtu 1024 icmp'])
  expect(() => mtu(0)).toThrow('mtu 0: it must be more than 0')
})
