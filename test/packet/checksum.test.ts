import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checksumGrow,
  checksumUpdate,
  finish,
  fold,
  growthOf,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
  sumGrow,
} from '#src/packet/checksum.ts'
import { get16, put16 } from '#src/packet/octets.ts'
import { forAll } from '#support/for-all.ts'
import { naiveChecksum, naiveSum, pseudoHeader } from './naive.ts'

const buffer = fc.uint8Array({ minLength: 0, maxLength: 300 })

describe('the sum of bytes', () => {
  test('onesComplementSum returns the sum of the example in RFC 1071 sec. 3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)
    expect(onesComplementSum(bytes, 0, 8)).toBe(0xddf2)
    expect(finish(onesComplementSum(bytes, 0, 8))).toBe(0x220d)
  })

  test('onesComplementSum equals the naive sum at any start and length, with and without a view', () => {
    forAll(100, [buffer, fc.nat(20), fc.nat(20)], (bytes, skip, less) => {
      const at = Math.min(skip, bytes.length)
      const length = Math.max(0, bytes.length - at - less)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const expected = naiveSum(bytes.subarray(at, at + length))
      expect(onesComplementSum(bytes, at, length)).toBe(expected)
      expect(onesComplementSum(bytes, at, length, 0, view)).toBe(expected)
    })
  })

  test('onesComplementSum adds to an earlier sum', () => {
    forAll(100, [buffer, buffer], (first, second) => {
      const even = first.subarray(0, first.length & ~1)
      const sum = onesComplementSum(
        second,
        0,
        second.length,
        onesComplementSum(even, 0, even.length),
      )
      expect(sum).toBe(naiveSum([...even, ...second]))
    })
  })

  test('onesComplementSum does not overflow on a megabyte of 0xff at an odd start and length', () => {
    const bytes = new Uint8Array(0x100003).fill(0xff)
    const view = new DataView(bytes.buffer)
    // Each whole word is 0 modulo 0xffff, and the last byte is the high one of a word.
    expect(onesComplementSum(bytes, 1, 0x100001)).toBe(0xff00)
    expect(onesComplementSum(bytes, 1, 0x100001, 0xffff, view)).toBe(0xff00)
  })

  test('fold returns the 16-bit residue of every 32-bit sum', () => {
    forAll(100, [fc.nat(0xffffffff)], sum => {
      const folded = fold(sum)
      expect(folded % 0xffff).toBe(sum % 0xffff)
      expect(folded <= 0xffff && (folded === 0) === (sum === 0)).toBe(true)
      expect(finish(sum)).toBe(0xffff - folded)
    })
  })
})

const ABSURD = [
  Number.POSITIVE_INFINITY,
  Number.NaN,
  -1,
  -(2 ** 31),
  2 ** 31,
  2 ** 32,
  1e300,
  '',
  'x',
  null,
  undefined,
] as number[]

test('a sum of absurd numbers ends immediately, in a result or a RangeError', () => {
  const bytes = new Uint8Array(64)
  for (const at of ABSURD) {
    for (const length of [...ABSURD, 5]) {
      try {
        expect(onesComplementSum(bytes, at, length, 7)).toBeTypeOf('number')
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }
  }
  expect(onesComplementSum(bytes, 2 ** 31, 5, 7)).toBe(7)
  expect(() => onesComplementSum(bytes, 0, 2 ** 31)).toThrow('no 2147483648 bytes from 0')
})

describe('the sum of a pseudo-header', () => {
  const protocol = fc.nat(255)

  test('pseudoHeaderSum4 equals the naive sum', () => {
    forAll(
      100,
      [fc.uint8Array({ minLength: 20, maxLength: 20 }), protocol, fc.nat(0xffff)],
      (header, next, length) => {
        const expected = naiveSum(
          pseudoHeader([...header.slice(12, 16)], [...header.slice(16)], next, length),
        )
        expect(pseudoHeaderSum4(header, 0, next, length)).toBe(expected)
      },
    )
  })

  test('pseudoHeaderSum6 equals the naive sum, also of jumbograms', () => {
    forAll(
      100,
      [fc.uint8Array({ minLength: 40, maxLength: 40 }), protocol, fc.nat(0xfffff)],
      (header, next, length) => {
        const expected = naiveSum(
          pseudoHeader([...header.slice(8, 24)], [...header.slice(24)], next, length),
        )
        expect(pseudoHeaderSum6(header, 0, next, length)).toBe(expected)
      },
    )
  })
})

describe('an incremental update', () => {
  test('checksumUpdate returns the checksum of the example in RFC 1624 sec. 4', () => {
    expect(checksumUpdate(0xdd2f, 0x5555, 0x3285)).toBe(0x0000)
    expect(checksumGrow(0xdd2f, growthOf(0x3285 - 0x5555))).toBe(0x0000)
  })

  test('an incremental update equals a full computation, also for zero', () => {
    const some = fc
      .uint8Array({ minLength: 4, maxLength: 40 })
      .filter(bytes => bytes.length % 2 === 0)
    forAll(
      { examples: [[Uint8Array.of(0, 1, 0xff, 0xfd), 1, 0xfffe]] },
      [some, fc.nat(19), fc.nat(0xffff)],
      (bytes, index, value) => {
        const at = 2 * (index % (bytes.length / 2))
        bytes[at === 0 ? 2 : 0] |= 1
        const before = naiveChecksum(bytes)
        const from = get16(bytes, at)
        put16(bytes, at, value)
        const expected = naiveChecksum(bytes)
        expect(checksumUpdate(before, from, value)).toBe(expected)
        expect(checksumGrow(before, growthOf(value - from))).toBe(expected)
        expect(sumGrow(0xffff - before, growthOf(value - from))).toBe(0xffff - expected)
      },
    )
  })

  test('changes that cancel out do not change checksums of 0 and 0xffff', () => {
    for (const check of [0, 1, 0xfffe, 0xffff]) {
      for (const delta of [0, 0xffff, -0xffff]) {
        expect(checksumGrow(check, growthOf(delta))).toBe(check)
        expect(sumGrow(check, growthOf(delta))).toBe(check)
      }
    }
  })
})
