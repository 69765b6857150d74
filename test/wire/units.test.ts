import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rate } from '#src/wire/stages/rate.ts'
import {
  formatRate,
  formatShare,
  formatSize,
  parseRate,
  parseShare,
  parseSize,
} from '#src/wire/units.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'

test('a rate is in bits per second, or in bytes per second with bps, as in tc', () => {
  expect(['10mbit', '1.5gbit', '64kbit', '2400', '1kbps', '1kibit'].map(parseRate)).toEqual([
    1e7, 1.5e9, 64_000, 2400, 8000, 1024,
  ])
})

test('a size is in bytes and powers of 1024, as in tc', () => {
  expect(['1500', '64kb', '2k', '1mb', '1MiB', '8kbit', '0'].map(parseSize)).toEqual([
    1500, 65536, 2048, 1048576, 1048576, 1024, 0,
  ])
})

test('a number with an unknown unit is refused', () => {
  expect(() => parseRate('10mb')).toThrow(
    "'10mb' is not a rate: a number with bit, kbit, mbit or gbit",
  )
  expect(() => parseRate('0')).toThrow("'0' is not a rate")
  expect(() => parseSize('10ms')).toThrow(
    "'10ms' is not a size: a number of bytes, or one with kb, mb or gb",
  )
  expect(() => parseSize('-1')).toThrow("'-1' is not a size")
  expect(() => parseShare('101%')).toThrow("'101%' is not a percentage from 0% to 100%")
})

test('a number that is too large is refused, and never infinite', () => {
  const huge = '9'.repeat(400)
  expect(() => parseRate('1e999mbit')).toThrow("'1e999mbit' is not a rate")
  expect(() => parseSize(`${huge}kb`)).toThrow('is not a size')
  expect(() => rate(Number.POSITIVE_INFINITY)).toThrow(
    'rate Infinity: it must be more than 0 and finite',
  )
  expect(() => rate('1mbit', { burst: Number.POSITIVE_INFINITY })).toThrow(
    'Infinity is not a size in bytes',
  )
})

test('a share is a percentage, with or without its sign, as in tc', () => {
  expect(['1%', '1', '0.01%', '100', '.5%', '1e-4%'].map(parseShare)).toEqual([
    0.01, 0.01, 0.0001, 1, 0.005, 1e-6,
  ])
})

test('formatted values are parsed to the same number', () => {
  const numbers = [
    0,
    1,
    999,
    1000,
    1500,
    1_234_567,
    20e6,
    1024,
    65536,
    1024 ** 2,
    1_000_000_001,
    86_400e9,
  ]
  for (const n of numbers) {
    expect(parseSize(formatSize(n))).toBe(n)
    if (n !== 0) {
      expect(parseRate(formatRate(n))).toBe(n)
    }
  }
  const any = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 53 - 1 }),
    fc.double({ min: 2 ** 53, noNaN: true }),
  )
  forAll({ numRuns: scaled(5000), seed: SEED }, [any], n => {
    fc.pre(Number.isFinite(n))
    expect(parseSize(formatSize(n))).toBe(n)
    if (n !== 0) {
      expect(parseRate(formatRate(n))).toBe(n)
    }
  })
  for (const share of [0, 0.01, 0.07, 0.29, 1e-6, 0.123456, 1]) {
    expect(parseShare(formatShare(share))).toBe(share)
  }
})
