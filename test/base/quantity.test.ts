import { expect, test } from 'vitest'
import { formatNumber } from '#src/base/duration.ts'

test.each([
  [0, 'bit/s', '0 bit/s'],
  [0, '', '0'],
  [1, '', '1'],
  [0.999, '', '1'],
  [0.053, '', '0.053'],
  [6.98, '', '7'],
  [12.34, '', '12.3'],
  [999, '', '999'],
  [999.6, '', '1k'],
  [1000, '', '1k'],
  [1234, 'bit/s', '1.23 kbit/s'],
  [12_345_678, 'bit/s', '12.3 Mbit/s'],
  [987_654_321_000, 'bit/s', '988 Gbit/s'],
  [5e15, 'bit/s', '5000 Tbit/s'],
  [0.00034, 's', '340 µs'],
  [0.02, 's', '20 ms'],
  [1e-9, 's', '1 ns'],
  [1e-12, 's', '0.001 ns'],
  [-1500, '', '-1.5k'],
  [2e15, '', '2000T'],
  [Number.NaN, 's', '-'],
  [undefined, 'bit/s', '-'],
])('the number %d with the unit "%s" is shown as %s', (value, unit, text) => {
  expect(formatNumber(value, unit)).toBe(text)
})
