import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Attribute, attributes, NetlinkParseError } from '#src/netlink/index.ts'
import { forAll } from '#support/for-all.ts'
import { mutated, outcome, payloadOf, surrounded } from './arbitraries.ts'

const written = fc.array(
  fc.record({
    type: fc.integer({ min: 0, max: 0x3fff }),
    payload: fc.uint8Array({ maxLength: 20 }),
  }),
  { maxLength: 6 },
)

function build(list: { type: number; payload: Uint8Array }[]): Uint8Array {
  return payloadOf(builder => {
    for (const { type, payload } of list) {
      builder.binary(type, payload)
    }
  })
}

describe('attributes', () => {
  test('attributes returns what was written', () => {
    forAll(100, [written], list => {
      const bytes = build(list)
      expect(bytes.length % 4).toBe(0)
      const found = [...attributes(bytes)].map(({ type, offset, length }) => ({
        type,
        payload: bytes.slice(offset, offset + length),
      }))
      expect(found).toEqual(list)
    })
  })

  test('the flags of an attribute are not part of its type', () => {
    const bytes = payloadOf(builder =>
      builder.nested(18, inner => inner.flag(1)).binary(7, Uint8Array.of(1)),
    )
    bytes[bytes.length - 8 + 3] |= 0x40
    expect([...attributes(bytes)]).toEqual([
      { type: 18, offset: 4, length: 4 },
      { type: 7, offset: 12, length: 1 },
    ])
  })

  test('an attribute length below the header or beyond the end is refused with its position', () => {
    expect(() => [...attributes(Uint8Array.of(3, 0, 1, 0))]).toThrow(
      new NetlinkParseError('attribute length 3 is less than its header', 0),
    )
    expect(() => [...attributes(Uint8Array.of(4, 0, 1, 0, 9, 0, 1, 0))]).toThrow(
      new NetlinkParseError('attribute length 9 exceeds the 4 bytes left', 4),
    )
    expect(() => [...attributes(Uint8Array.of(4, 0, 1, 0, 9))]).toThrow(
      new NetlinkParseError('1 bytes are too few for an attribute header', 4),
    )
  })

  test('random and mutated bytes yield attributes or NetlinkParseError, and nothing outside the range is read', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      written.chain(list => mutated(build(list))),
    )
    forAll(500, [octets], octets => {
      const [one, other] = [0x00, 0xff].map(around => {
        const { bytes, offset } = surrounded(octets, around)
        return outcome(() => [...attributes(bytes, offset, octets.length)])
      })
      expect(one).toEqual(other)
      for (const { offset, length } of 'value' in one ? (one.value as Attribute[]) : []) {
        expect(offset).toBeGreaterThanOrEqual(32 + 4)
        expect(offset + length).toBeLessThanOrEqual(32 + octets.length)
      }
    })
  })
})
