import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  binary,
  decodeAttributes,
  encodeAttributes,
  flag,
  type MessageBuilder,
  NetlinkParseError,
  nested,
  policy,
  required,
  s32,
  string,
  u8,
  u16,
  u32,
  u64,
  withDefault,
} from '#src/netlink/index.ts'
import { forAll, unicode } from '#support/for-all.ts'
import { copied, decodesAlike, mutated, payloadOf } from './arbitraries.ts'

const inner = policy({ kind: string(1, 15), id: required(u32(2)) })
const everything = policy({
  byte: u8(1),
  short: u16(2),
  word: u32(3),
  signed: s32(4),
  long: u64(5),
  text: string(6),
  octets: binary(7, 0, 64),
  present: flag(8),
  inside: nested(9, inner),
})
const strict = policy({ mtu: u32(4), name: string(3, 15) }, { strict: true })

const integer = (min: number, max: number) => fc.integer({ min, max })
const text = unicode.map(value => value.replaceAll('\0', ''))
const values = fc.record(
  {
    byte: integer(0, 0xff),
    short: integer(0, 0xffff),
    word: integer(0, 0xffff_ffff),
    signed: integer(-0x8000_0000, 0x7fff_ffff),
    long: fc.bigInt(0n, 0xffff_ffff_ffff_ffffn),
    text,
    octets: fc.uint8Array({ maxLength: 64 }),
    present: fc.boolean(),
    inside: fc.record({ kind: fc.constant('tun'), id: integer(0, 9) }),
  },
  { requiredKeys: ['present'] },
)
type Values = typeof values extends fc.Arbitrary<infer T> ? T : never

function write(builder: MessageBuilder, value: Values): void {
  const { byte, short, word, signed, long, text, octets, present, inside } = value
  if (byte !== undefined) {
    builder.u8(1, byte)
  }
  if (short !== undefined) {
    builder.u16(2, short)
  }
  if (word !== undefined) {
    builder.u32(3, word)
  }
  if (signed !== undefined) {
    builder.s32(4, signed)
  }
  if (long !== undefined) {
    builder.u64(5, long)
  }
  if (text !== undefined) {
    builder.string(6, text)
  }
  if (octets !== undefined) {
    builder.binary(7, octets)
  }
  if (present) {
    builder.flag(8)
  }
  if (inside !== undefined) {
    builder.nested(9, nest => nest.string(1, inside.kind).u32(2, inside.id))
  }
}

function refusal(
  octets: Uint8Array,
  by: Parameters<typeof decodeAttributes>[0] = everything,
): NetlinkParseError {
  try {
    decodeAttributes(by, octets)
  } catch (error) {
    if (error instanceof NetlinkParseError) return error
    throw error
  }
  throw new Error('it was not refused')
}

describe('decodeAttributes', () => {
  test('every kind of value is decoded as it was written', () => {
    forAll(100, [values], value => {
      const octets = payloadOf(builder => write(builder, value))
      expect(decodeAttributes(everything, octets)).toEqual(value)
    })
  })

  test('encodeAttributes writes what the builder writes by hand', () => {
    forAll(100, [values], value => {
      const octets = payloadOf(builder => write(builder, value))
      expect(payloadOf(builder => encodeAttributes(builder, everything, value))).toEqual(octets)
    })
  })

  test('an attribute with a default decodes to it when it is absent, and is not refused', () => {
    const some = policy({ mtu: withDefault(u32(4), 1500), name: required(string(3)) })
    expect(
      decodeAttributes(
        some,
        payloadOf(builder => builder.string(3, 'a')),
      ),
    ).toEqual({ mtu: 1500, name: 'a' })
    expect(
      decodeAttributes(
        some,
        payloadOf(b => b.string(3, 'a').u32(4, 9)),
      ),
    ).toEqual({ mtu: 9, name: 'a' })
    expect(
      refusal(
        payloadOf(builder => builder.u32(4, 9)),
        some,
      ).message,
    ).toBe('name: is missing (at offset 0)')
  })

  test('decoded bytes are views of the parsed buffer', () => {
    const octets = payloadOf(builder => builder.binary(7, Uint8Array.of(1, 2, 3)))
    const view = decodeAttributes(everything, octets).octets
    octets[5] = 9
    expect(view).toEqual(Uint8Array.of(1, 9, 3))
  })

  test('decoded text ends at its first NUL, or at the end of the payload', () => {
    const read = (payload: number[]) =>
      decodeAttributes(
        everything,
        payloadOf(builder => builder.binary(6, Uint8Array.from(payload))),
      ).text
    expect(read([0x74, 0x75, 0x6e])).toBe('tun')
    expect(read([0x74, 0, 0x6e, 0])).toBe('t')
    expect(read([])).toBe('')
    expect(read([0xff, 0x41])).toBe('\ufffdA')
  })

  test('the last of two attributes of one type counts', () => {
    expect(
      decodeAttributes(
        everything,
        payloadOf(builder => builder.u8(1, 1).u8(1, 2)),
      ),
    ).toEqual({ byte: 2, present: false })
  })

  test('a number of a wrong size is refused with its name and position', () => {
    const octets = payloadOf(builder => builder.u8(1, 1).u16(3, 5))
    expect(refusal(octets)).toMatchObject({
      attribute: 'word',
      reason: 'has 2 bytes, not 4',
      offset: 8,
    })
    expect(refusal(octets).message).toBe('word: has 2 bytes, not 4 (at offset 8)')
    const longer = payloadOf(builder => builder.u64(3, 5n))
    expect(refusal(longer).message).toBe('word: has 8 bytes, not 4 (at offset 0)')
  })

  test('text and bytes outside their limits are refused', () => {
    const long = payloadOf(builder => builder.string(3, 'sixteen-letters-'))
    expect(refusal(long, strict).message).toBe('name: has 16 bytes, more than 15 (at offset 0)')
    const fits = payloadOf(builder => builder.string(3, 'fifteen-letters'))
    expect(decodeAttributes(strict, fits).name).toBe('fifteen-letters')
    const some = policy({ address: binary(1, 6, 6) })
    const sized = (size: number) => payloadOf(builder => builder.binary(1, new Uint8Array(size)))
    expect(refusal(sized(5), some).message).toBe('address: has 5 bytes, fewer than 6 (at offset 0)')
    expect(refusal(sized(7), some).message).toBe('address: has 7 bytes, more than 6 (at offset 0)')
  })

  test('an error in a nest is reported with its path from the outside', () => {
    const octets = payloadOf(builder =>
      builder.nested(9, nest => nest.u32(2, 1).u16(1, 0x4141).u8(2, 0)),
    )
    expect(refusal(octets).message).toBe('inside.id: has 1 bytes, not 4 (at offset 20)')
  })

  test('a missing required attribute is refused, and an empty nest is not a missing one', () => {
    expect(refusal(payloadOf(builder => builder.nested(9, () => {}))).message).toBe(
      'inside.id: is missing (at offset 4)',
    )
    expect(decodeAttributes(everything, new Uint8Array(0))).toEqual({ present: false })
  })

  test('unknown attributes are ignored, or refused by a strict policy', () => {
    const octets = payloadOf(builder => builder.u32(4, 1500).u8(99, 1))
    expect(decodeAttributes(policy({ mtu: u32(4) }), octets)).toEqual({ mtu: 1500 })
    expect(refusal(octets, strict).message).toBe('unknown attribute type 99 (at offset 8)')
  })

  test('policy throws if two names have one type', () => {
    expect(() => policy({ one: u8(1), other: u16(1) })).toThrow(
      'other: attribute type 1 is named twice',
    )
  })

  test('random and mutated bytes are decoded or refused with NetlinkParseError, and nothing outside the range is read', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      values.chain(value => mutated(payloadOf(builder => write(builder, value)))),
    )
    forAll(500, [octets], octets => {
      for (const [one, other] of [decodesAlike(everything, octets), decodesAlike(strict, octets)]) {
        expect(one).toEqual(other)
      }
    })
  })
})

describe('MessageBuilder', () => {
  test('MessageBuilder refuses values that do not fit an attribute', () => {
    const refused: ((builder: MessageBuilder) => unknown)[] = [
      builder => builder.u8(1, 256),
      builder => builder.u16(1, -1),
      builder => builder.u32(1, 2 ** 32),
      builder => builder.u32(1, 0.5),
      builder => builder.s32(1, 2 ** 31),
      builder => builder.u64(1, -1n),
      builder => builder.u64(1, 1n << 64n),
      builder => builder.string(1, 'a\0b'),
      builder => builder.binary(1, new Uint8Array(0xffff - 3)),
      builder => builder.flag(0x4000),
      builder =>
        builder.nested(1, nest => {
          for (let i = 0; i < 2; i++) {
            nest.binary(1, new Uint8Array(40_000))
          }
        }),
    ]
    for (const write of refused) {
      expect(() => payloadOf(write)).toThrow(RangeError)
    }
  })

  test('the largest possible attribute is written and read', () => {
    const octets = payloadOf(builder => builder.binary(7, new Uint8Array(0xffff - 4).fill(5)))
    expect(copied(decodeAttributes(policy({ octets: binary(7) }), octets))).toEqual({
      octets: new Array(0xffff - 4).fill(5),
    })
  })
})
