import { expect, test } from 'vitest'
import { copulaFor } from '#src/wire/stages/correlated.ts'

test.each([0.1, 0.5, 0.9])(
  'uniform values with a correlation of %f have the copula of its sine',
  wanted => {
    // Two normal numbers of correlation a have uniform ranks of correlation 6 / pi asin(a / 2).
    expect(copulaFor(wanted, uniform => uniform)).toBeCloseTo(
      2 * Math.sin((Math.PI / 6) * wanted),
      4,
    )
  },
)

test('a copula is as strong as the correlation at its ends, and for values that do not vary', () => {
  const copulas = [0, 1].map(wanted => copulaFor(wanted, uniform => uniform))
  expect([...copulas, copulaFor(0.5, () => 1)]).toEqual([0, 1, 0])
})
