/** Random frames, through the flip and back. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { flipNetwork } from '#src/drivers/flip/hidden-loopback.ts'
import { CHECKSUM_PARTIAL } from '#src/skb/sk-buff.ts'
import { forAll } from '#support/for-all.ts'
import { balancedPool, octetsOf, skbFor, skbOf } from '#support/skb.ts'
import {
  buildFrame,
  buildTransport,
  type ErrorBody,
  FIELD,
  type Frame,
  frame,
  isIpv6,
  networkOffsetOf,
  partialFrame,
  protocolOf,
  transportOffset,
} from '../../packet/frames.ts'
import { addsUp, naiveChecksum, naiveSum, pseudoHeader, word } from '../../packet/naive.ts'
import { cutsField, farEnd, flipped, flippedQuote } from './flipped.ts'

const pool = balancedPool({ large: 8, small: 64 })

/** A full sum that happens to equal the pseudo-header's is taken for a partial one. */
function looksPartial({ quote }: ErrorBody): boolean {
  if (quote.kind === 'other' || quote.checksum === 'partial') return false
  const octets = buildTransport(quote)
  const pseudo = naiveSum(
    pseudoHeader(quote.source, quote.destination, protocolOf(quote), octets.length),
  )
  return (
    ((octets[FIELD[quote.kind]] as number) << 8) + (octets[FIELD[quote.kind] + 1] as number) ===
    pseudo
  )
}

function isClear({ packet: { error } }: Frame): boolean {
  return (
    error === undefined ||
    !(
      cutsField(error) ||
      looksPartial(error) ||
      looksPartial({ ...error, quote: flippedQuote(error) })
    )
  )
}

describe('any frame between unicast addresses', () => {
  test('a frame becomes the frame that its far end would have sent, with every checksum right', () => {
    forAll(1000, [frame.filter(isClear)], description => {
      const skb = skbFor(pool, description)
      const reason = flipNetwork(skb)
      const after = octetsOf(skb)
      skb.free()
      expect(reason).toBe(0)
      expect(after).toEqual([
        ...buildFrame({ ...description, packet: flipped(description.packet) }),
      ])
    })
  })

  test('a second flip restores the frame', () => {
    forAll(300, [frame.filter(isClear)], description => {
      const skb = skbFor(pool, description)
      const before = octetsOf(skb)
      expect([flipNetwork(skb), flipNetwork(skb)]).toEqual([0, 0])
      const after = octetsOf(skb)
      skb.free()
      expect(after).toEqual(before)
    })
  })

  test('a flipped frame has its header positions set, and no transport header in a later fragment', () => {
    forAll(300, [frame], description => {
      const skb = skbFor(pool, description)
      expect(flipNetwork(skb)).toBe(0)
      const { packet } = description
      const nh = skb.data + networkOffsetOf(description)
      const later = packet.fragment?.first === false
      const empty = packet.kind === 'other' && packet.payload.length === 0
      expect(skb).toMatchObject({
        mac: skb.data,
        nh,
        h: later || empty ? 0 : nh + transportOffset(packet),
        protocol: isIpv6(packet) ? 0x86dd : 0x0800,
      })
      skb.free()
    })
  })

  test('a partial checksum remains partial and verifies once completed, unless the pseudo-header sum was wrong', () => {
    forAll(300, [partialFrame, fc.integer({ min: 1, max: 0xfffe })], (description, wrong) => {
      const { packet } = description
      const skb = skbFor(pool, { ...description, padding: [] })
      expect(flipNetwork(skb)).toBe(0)
      const segment = octetsOf(skb).slice(skb.csumStart - skb.data)
      skb.free()
      const pseudo = pseudoHeader(
        farEnd(packet.source),
        farEnd(packet.destination),
        protocolOf(packet),
        segment.length,
      )
      const complete = (sum: number) => {
        const octets = [...segment]
        octets.splice(FIELD[packet.kind], 2, ...word(sum))
        octets.splice(FIELD[packet.kind], 2, ...word(naiveChecksum(octets)))
        return addsUp([...pseudo, ...octets])
      }
      const held =
        ((segment[FIELD[packet.kind]] as number) << 8) + (segment[FIELD[packet.kind] + 1] as number)
      expect(complete(held)).toBe(true)
      expect(complete((held + wrong) % 0xffff)).toBe(false)
    })
  })
})

describe('random frames', () => {
  const reasons = [2, 8, 9, 10, 11, 12, 13, 14, 19]

  function check(octets: Uint8Array, csumStart: number, csumOffset: number): void {
    const skb = skbOf(pool, octets)
    if (csumStart >= 0) {
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.data + csumStart
      skb.csumOffset = csumOffset
    }
    skb.bytes.fill(0xa5, skb.data + skb.len, skb.data + skb.len + 64)
    const reason = flipNetwork(skb)
    const after = octetsOf(skb)
    const behind = [...skb.bytes.subarray(skb.data + skb.len, skb.data + skb.len + 64)]
    skb.free()
    if (reason !== 0) {
      expect(reasons).toContain(reason)
      expect(after).toEqual([...octets])
    }
    expect(behind).toEqual(new Array(64).fill(0xa5))
  }

  test('random bytes never make it throw, and neither a dropped frame nor the bytes after a frame change', () => {
    const types = fc.constantFrom(
      [8, 0, 0x45],
      [8, 0, 0x4f],
      [0x86, 0xdd, 0x60],
      [0x81, 0, 0],
      [8, 6, 0],
    )
    const random = fc.tuple(
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      types,
      fc.uint8Array({ maxLength: 120 }),
    )
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      random.map(([macs, type, rest]) => Uint8Array.from([...macs, ...type, ...rest])),
    )
    forAll(500, [octets, fc.integer({ min: -1, max: 130 }), fc.nat(40)], check)
  })

  test('mutated and cut frames never make it throw', () => {
    const mutated = fc
      .tuple(frame, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }), fc.nat(300))
      .map(([description, edits, cut]) => {
        const octets = buildFrame(description).slice(0, cut + 14)
        for (const [at, octet] of edits) {
          if (at < octets.length) {
            octets[at] = octet
          }
        }
        return octets
      })
    forAll(500, [mutated, fc.integer({ min: -1, max: 130 }), fc.nat(40)], check)
  })
})
