import { expect, test } from 'vitest'
import { parseDuration, parseRate, parseShare, parseSize } from '../../src/wire/units.ts'

test('a rate is in bits per second, or in bytes per second with bps, as in tc', () => {
  expect(['10mbit', '1.5gbit', '64kbit', '2400', '1kbps', '1kibit'].map(parseRate)).toEqual([
    ...[1e7, 1.5e9, 64_000, 2400, 8000, 1024],
  ])
})

test('a size is in bytes and powers of 1024, as in tc', () => {
  expect(['1500', '64kb', '2k', '1mb', '8kbit', '0'].map(parseSize)).toEqual([1500, 65536, 2048, 1048576, 1024, 0])
})

test('a number with an unknown unit is refused', () => {
  expect(() => parseRate('10mb')).toThrow("'10mb' is not a rate: a number with bit, kbit, mbit or gbit")
  expect(() => parseRate('0')).toThrow("'0' is not a rate")
  expect(() => parseSize('10ms')).toThrow("'10ms' is not a size: a number of bytes, or with kb or mb")
  expect(() => parseSize('-1')).toThrow("'-1' is not a size")
  expect(() => parseDuration('5mbit')).toThrow("'5mbit' is not a duration")
  expect(() => parseShare('101%')).toThrow("'101%' is not a share")
})
