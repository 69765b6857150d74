/** Rewritten frames against frames that were built with the new addresses. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AddressMap, type AddressMapping } from '../../src/packet/rewrite.ts'
import { completeChecksum } from '../../src/packet/upper-header.ts'
import { forAll } from '../support/for-all.ts'
import { SEED, scaled } from '../support/scale.ts'
import { address, buildFrame, type Frame, frame, type Packet, partialFrame, plain, plain6 } from './frames.ts'
import { naiveChecksum, pseudoHeader } from './naive.ts'

const bytesOf = (text: string) => Uint8Array.from(address(text))
const mapping = (from: string, to: string, bits?: number): AddressMapping => {
  const [a, b] = [bytesOf(from), bytesOf(to)]
  return { from: a, to: b, bits: bits ?? 8 * a.length }
}
const mac = (from: number[], to: number[]): AddressMapping => ({
  from: Uint8Array.from(from),
  to: Uint8Array.from(to),
  bits: 48,
})

/** The address as the first mapping that matches it makes it, by its bits as text. */
function mapped(given: number[], mappings: readonly AddressMapping[]): number[] {
  const text = (list: ArrayLike<number>) => Array.from(list, byte => byte.toString(2).padStart(8, '0')).join('')
  const found = mappings.find(
    ({ from, bits }) => from.length === given.length && text(from).slice(0, bits) === text(given).slice(0, bits),
  )
  if (found === undefined) return given
  const bits = text(found.to).slice(0, found.bits) + text(given).slice(found.bits)
  return given.map((_, i) => Number.parseInt(bits.slice(8 * i, 8 * i + 8), 2))
}

function mappedPacket(packet: Packet, mappings: readonly AddressMapping[]): Packet {
  const { error, source, destination } = packet
  return {
    ...packet,
    source: mapped(source, mappings),
    destination: mapped(destination, mappings),
    error: error && {
      ...error,
      rest: error.type === 5 && source.length === 4 ? mapped(error.rest, mappings) : error.rest,
      quote: mappedPacket(error.quote, mappings),
    },
  }
}

/** The packet without partial checksums, and with a quote that is not cut within an IP header. */
const complete = (packet: Packet): Packet => ({
  ...packet,
  checksum: packet.checksum === 'partial' ? 'full' : packet.checksum,
  error: packet.error && {
    ...packet.error,
    quote: complete(packet.error.quote),
    cut: 60 + 2 * (packet.error.cut % 40),
  },
})

/** Mappings of prefixes of any length, most of which match an address of the frame. */
const mappingsFor = (of: Frame): fc.Arbitrary<AddressMapping[]> => {
  const { packet } = of
  const quote = packet.error?.quote ?? packet
  const known = [packet.source, packet.destination, quote.source, quote.destination]
  const one = fc.constantFrom(...known.filter(given => given.length === packet.source.length)).chain(from =>
    fc.record({
      from: fc.constant(Uint8Array.from(from)),
      to: fc.uint8Array({ minLength: from.length, maxLength: from.length }),
      bits: fc.oneof(fc.constant(8 * from.length), fc.noBias(fc.nat(8 * from.length))),
    }),
  )
  return fc.array(one, { minLength: 1, maxLength: 3 })
}

function rewritten(given: Uint8Array, mappings: readonly AddressMapping[]): Uint8Array {
  // Amid other bytes, which must not change.
  const bytes = new Uint8Array(given.length + 20).fill(0xa5)
  bytes.set(given, 7)
  new AddressMap(mappings).rewrite(bytes, 7, given.length)
  expect([...bytes.subarray(0, 7), ...bytes.subarray(7 + given.length)]).toEqual(new Array(20).fill(0xa5))
  return bytes.slice(7, 7 + given.length)
}

describe('addresses', () => {
  test('a rewritten frame is the frame that is built with the new addresses', () => {
    const whole = frame.map(each => ({ ...each, packet: complete(each.packet) }))
    forAll(
      { numRuns: scaled(30_000), seed: SEED },
      [whole.chain(each => fc.tuple(fc.constant(each), mappingsFor(each)))],
      ([each, mappings]) => {
        const expected = buildFrame({ ...each, packet: mappedPacket(each.packet, mappings) })
        expect(rewritten(buildFrame(each), mappings)).toEqual(expected)
      },
    )
  })

  test('a frame without a matching address is not changed', () => {
    const given = buildFrame({ packet: plain, tags: [], padding: [] })
    expect(
      rewritten(given, [mapping('10.0.0.0', '198.18.5.0', 8), mac([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])]),
    ).toEqual(given)
  })

  test('the first mapping that matches counts, and no address is replaced twice', () => {
    const given = buildFrame({ packet: plain, tags: [], padding: [] })
    const swap = [
      mapping('198.18.0.1', '198.18.0.2'),
      mapping('198.18.0.2', '198.18.0.1'),
      mapping('0.0.0.0', '9.9.9.9', 0),
    ]
    const { source, destination } = plain
    const expected = buildFrame({
      packet: { ...plain, source: destination, destination: source },
      tags: [],
      padding: [],
    })
    expect(rewritten(given, swap)).toEqual(expected)
  })

  test('a wrong checksum remains wrong by the same amount', () => {
    const right = buildFrame({ packet: plain, tags: [], padding: [] })
    const wrong = right.slice()
    wrong[41]! ^= 0x40
    const map = [mapping('198.18.0.1', '198.18.0.9')]
    const check = (given: Uint8Array) => (given[40]! << 8) | given[41]!
    const error = (is: Uint8Array, should: Uint8Array) => (check(is) - check(should) + 0xffff) % 0xffff
    expect(error(rewritten(wrong, map), rewritten(right, map))).toBe(error(wrong, right))
  })

  test('frames of every length, cut anywhere, are rewritten without an exception', () => {
    forAll({ numRuns: scaled(20_000), seed: SEED }, [frame, fc.nat(200)], (each, cut) => {
      const given = buildFrame(each).slice(0, cut)
      rewritten(given, [mapping('0.0.0.0', '9.9.9.9', 0), mapping('2001:db8:0:0:0:0:0:0', 'fd00:0:0:0:0:0:0:0', 1)])
    })
  })

  test('random bytes as a frame are rewritten within their length', () => {
    const types = fc.constantFrom([8, 0], [0x86, 0xdd], [8, 6], [0x81, 0])
    forAll({ numRuns: scaled(20_000), seed: SEED }, [types, fc.uint8Array({ maxLength: 120 })], (type, rest) => {
      const given = Uint8Array.from([...new Array<number>(12).fill(2), ...type, ...rest])
      rewritten(given, [mapping('0.0.0.0', '9.9.9.9', 0), mapping('0:0:0:0:0:0:0:0', 'fd00:0:0:0:0:0:0:0', 0)])
    })
  })
})

describe('MAC addresses', () => {
  const [one, two, three] = [
    [2, 0, 0, 0, 0, 1],
    [2, 0, 0, 0, 0, 2],
    [2, 0, 0, 0, 0, 3],
  ] as [number[], number[], number[]]

  test('the link header has the new addresses, also before a VLAN tag', () => {
    const tagged = buildFrame({ packet: plain, tags: [{ type: 0x8100, tci: 5 }], padding: [] })
    const to = rewritten(tagged, [mac(one, three)])
    expect([...to.subarray(0, 12)]).toEqual([...three, ...two])
    expect(to.subarray(12)).toEqual(tagged.subarray(12))
  })

  test('ARP has the new MAC and IP addresses of sender and target', () => {
    const arp = (sha: number[], spa: number[], tha: number[], tpa: number[]) =>
      Uint8Array.from([...tha, ...sha, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, ...sha, ...spa, ...tha, ...tpa])
    const [a, b, c] = ['198.18.0.1', '198.18.0.2', '192.0.2.77'].map(address) as [number[], number[], number[]]
    const map = [mac(one, three), mapping('198.18.0.2', '192.0.2.77')]
    expect(rewritten(arp(one, a, two, b), map)).toEqual(arp(three, a, two, c))
    expect(rewritten(arp(two, b, one, a), map)).toEqual(arp(two, c, three, a))
  })

  test.each([
    [135, 1],
    [136, 2],
  ])('a neighbour message of type %i has the new target and link address, and a right checksum', (type, option) => {
    const [source, destination] = [plain6.source, plain6.destination]
    const build = (from: number[], target: number[], link: number[]) => {
      const body = [type, 0, 0, 0, 0, 0, 0, 0, ...target, 14, 1, 1, 2, 3, 4, 5, 6, option, 1, ...link]
      const check = naiveChecksum([...pseudoHeader(from, destination, 58, body.length), ...body])
      body.splice(2, 2, check >> 8, check & 0xff)
      const header = [0x60, 0, 0, 0, 0, body.length, 58, 255, ...from, ...destination]
      return Uint8Array.from([...two, ...link, 0x86, 0xdd, ...header, ...body])
    }
    const target = address('2001:db8:0:0:0:0:0:7')
    const [newSource, newTarget] = [address('fd00:0:0:1:0:0:0:1'), address('fd00:0:0:1:0:0:0:7')]
    const map = [
      mac(one, three),
      mapping('2001:db8:0:0:0:0:0:2', '2001:db8:0:0:0:0:0:2'),
      mapping('2001:db8:0:0:0:0:0:0', 'fd00:0:0:1:0:0:0:0', 64),
    ]
    expect(rewritten(build(source, target, one), map)).toEqual(build(newSource, newTarget, three))
  })
})

describe('partial checksums', () => {
  test('completeChecksum makes the frame that is built with a full checksum', () => {
    forAll({ numRuns: scaled(20_000), seed: SEED }, [partialFrame], each => {
      const given = buildFrame(each)
      expect(completeChecksum(given, 0, given.length)).toBe(true)
      expect(given).toEqual(buildFrame({ ...each, packet: { ...each.packet, checksum: 'full' } }))
    })
  })

  test('completeChecksum does not change frames without such a checksum', () => {
    const others: Packet[] = [
      { ...plain, kind: 'icmp' },
      { ...plain, kind: 'other' },
      { ...plain, payload: new Array(60).fill(7), fragment: { first: true, at: 24 } },
      { ...plain6, payload: new Array(60).fill(7), fragment: { first: true, at: 24 } },
      { ...plain6, payload: new Array(60).fill(7), fragment: { first: false, at: 24 } },
    ]
    for (const packet of others) {
      const given = buildFrame({ packet, tags: [], padding: [] })
      const before = given.slice()
      expect(completeChecksum(given, 0, given.length)).toBe(false)
      expect(given).toEqual(before)
    }
    expect(completeChecksum(new Uint8Array(13), 0, 13)).toBe(false)
  })
})
