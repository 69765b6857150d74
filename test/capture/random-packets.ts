/** Random packets of captures. */
import fc from 'fast-check'
import type { CapturedPacket } from '#src/capture/packet.ts'
import { unicode } from '#support/for-all.ts'

export const option = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

export const u32 = fc.nat(0xffff_ffff)

export const upTo53 = fc.maxSafeNat()

// Texts that come back as they were: no zero byte, no lone surrogate.
export const comment = unicode.map(value => value.replaceAll('\0', ''))

export const wireDrop = fc.record(
  {
    direction: fc.constantFrom('ab', 'ba'),
    side: fc.constantFrom('in', 'out'),
    place: fc.nat(),
    kind: unicode,
    text: unicode,
    why: unicode,
    seed: fc.maxSafeNat(),
    packet: fc.maxSafeInteger(),
  },
  { requiredKeys: ['direction', 'place', 'kind', 'text', 'why', 'seed', 'packet'] },
)

export const drop = fc.record({ reason: unicode, wire: wireDrop }, { requiredKeys: ['reason'] })

/** A packet with its frame anywhere in its bytes. */
export const packet = fc
  .record({
    seconds: fc.nat(0xffff_ffff),
    nanoseconds: fc.nat(999_999_999),
    bytes: fc.uint8Array({ maxLength: 80 }),
    skipped: fc.nat(80),
    cut: fc.nat(5000),
    interfaceIndex: fc.nat(2),
    // Without a check sequence, which is not read.
    flags: option(u32.map(flags => (flags & ~(0xf << 5)) >>> 0)),
    dropCount: option(upTo53),
    packetId: option(upTo53),
    queue: option(u32),
    verdict: option(fc.tuple(fc.constantFrom(1, 2), fc.maxSafeInteger())),
    comments: fc.array(comment, { maxLength: 3 }),
    drop: option(drop),
  })
  .map(({ skipped, cut, verdict, ...rest }): CapturedPacket => {
    const at = Math.min(skipped, rest.bytes.length)
    const capturedLength = rest.bytes.length - at
    const [verdictType, value] = verdict ?? []
    return {
      ...rest,
      at,
      capturedLength,
      originalLength: capturedLength + cut,
      verdict: value,
      verdictType,
    }
  })

/** The packet as a reader returns it, without undefined and empty fields. */
export function read({ bytes, at, comments, ...rest }: CapturedPacket, linkType: number) {
  const frame = [...bytes.subarray(at, at + rest.capturedLength)]
  const defined = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  )
  return { ...defined, hasTime: true, linkType, frame, ...(comments?.length ? { comments } : {}) }
}
