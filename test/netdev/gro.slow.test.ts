/** GRO of random streams. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, SKB_GSO_UDP_L4, type SkBuff } from '#src/skb/sk-buff.ts'
import { forAll } from '#support/for-all.ts'
import { octetsOf } from '#support/skb.ts'
import { isIpv6, plain, plain6, transportOffset } from '../packet/frames.ts'
import { ACK, numbered, OPTIONS, PSH_ACK, type Stream, streamFrames } from './streams.ts'

const { whole, placed, row, cut, merge } = streamFrames()
const headers = ({ packet, options }: Stream): number =>
  14 + transportOffset(packet) + 20 + options.length

const anyStream = fc
  .record({
    packet: fc.constantFrom(plain, plain6),
    options: fc.constantFrom([], OPTIONS, numbered(40)),
    payload: fc
      .uint8Array({ minLength: 1, maxLength: 3000, size: 'max' })
      .map(octets => [...octets]),
    sequence: fc.oneof(fc.nat(0xffffffff), fc.integer({ min: 0xfffff000, max: 0xffffffff })),
    flags: fc.constantFrom(ACK, PSH_ACK),
    identification: fc.oneof(fc.nat(0xffff), fc.constant(0xfffe)),
  })
  .map(
    ({ identification, packet, ...rest }): Stream => ({
      ...rest,
      packet: { ...packet, identification },
    }),
  )

describe('segments of a stream', () => {
  test('segments become the GSO frame they were cut from, and are the same bytes when cut again', () => {
    forAll(200, [anyStream, fc.integer({ min: 100, max: 1460 })], (description, gsoSize) => {
      const original = whole(description, gsoSize)
      const { gsoType } = original
      const before = octetsOf(original)
      const segments = cut(original)
      const merged = merge(segments.map(placed))
      expect(merged).toHaveLength(1)
      const [skb] = merged as [SkBuff]
      if (segments.length === 1) {
        expect([octetsOf(skb), skb.gsoSize, skb.ipSummed]).toEqual([segments[0], 0, CHECKSUM_NONE])
        skb.free()
        return
      }
      expect(octetsOf(skb)).toEqual(before)
      const csumStart = skb.data + headers({ ...description, options: [] }) - 20
      expect(skb).toMatchObject({
        gsoSize,
        gsoType,
        ipSummed: CHECKSUM_PARTIAL,
        csumStart,
        csumOffset: 16,
      })
      expect(cut(skb)).toEqual(segments)
    })
  })

  test('a segment with a changed byte is not merged, but its neighbours are', () => {
    forAll(
      500,
      [anyStream, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 })],
      (description, which, where, by) => {
        const segments = cut(whole({ ...description, payload: numbered(1000) }, 250))
        const wrong = segments[which % 4] as number[]
        // Behind the link header, which no sum covers.
        const at = 14 + (where % (wrong.length - 14))
        // The flow label and traffic class of IPv6 are in none either.
        if (isIpv6(description.packet) && at < 18) return
        if (isIpv6(description.packet) && at === 14 + 7) return
        wrong[at] = (wrong[at] as number) ^ by
        const merged = merge(segments.map(placed))
        const frames = merged.flatMap(skb => {
          if (skb.gsoSize !== 0) return cut(skb)
          const octets = octetsOf(skb)
          skb.free()
          return [octets]
        })
        expect(merged.length).toBeGreaterThan(1)
        expect(frames).toEqual(segments)
      },
    )
  })
})

describe('datagrams of a flow', () => {
  test.each([
    ['IPv4', plain],
    ['IPv6', plain6],
  ])('datagrams of %s become one frame, and are the same bytes when cut again', (_, packet) => {
    forAll(
      100,
      [fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 40 }), fc.nat()],
      (size, count, last) => {
        const frames = row(packet, ...new Array<number>(count).fill(size), 1 + (last % size))
        const before = frames.map(octetsOf)
        const [skb, ...others] = merge(frames) as [SkBuff]
        const csumStart = skb.data + 14 + transportOffset(packet)

        expect(skb).toMatchObject({
          gsoSize: size,
          gsoType: SKB_GSO_UDP_L4,
          ipSummed: CHECKSUM_PARTIAL,
          csumStart,
          csumOffset: 6,
        })
        expect(others).toEqual([])
        expect(cut(skb)).toEqual(before)
      },
    )
  })
})
