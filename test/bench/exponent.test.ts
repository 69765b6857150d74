/** bench/exponent.mjs: the exponent of a growth, and its row. */
import { expect, test } from 'vitest'
import { exponentOf, rowOf } from '../../bench/exponent.mjs'

test('the exponent is the slope of the logarithms by least squares', () => {
  expect(exponentOf([10, 100, 1000], [5, 50, 500])).toBeCloseTo(1)
  expect(exponentOf([10, 100, 1000], [1, 100, 10_000])).toBeCloseTo(2)
  expect(exponentOf([1, 10, 100], [1, 1, 100])).toBeCloseTo(1)
  expect(exponentOf([2, 4], [8, 64])).toBeCloseTo(3)
})

test('a row is marked if its smallest size takes over 50 ms and its exponent is over 1.1', () => {
  expect(rowOf('work', [10, 1000], [51, 51_000])).toBe(
    '| work | 10: 51.0, 1,000: 51000 | 1.50 | 1.50 | **over 1.1** |',
  )
  expect(rowOf('work', [10, 1000], [50, 50_000])).not.toContain('**')
  expect(rowOf('work', [10, 1000], [51, 5100])).not.toContain('**')
})
