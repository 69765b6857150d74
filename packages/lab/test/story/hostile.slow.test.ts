/** Captures of other people may have any bytes: the long test has more of them. */
import { expect, test } from 'vitest'
import { randomOf, readMutated } from './hostile.ts'

test('2000 captures with changed bytes have a story, or an error of one line', () => {
  const errors = readMutated(2000, randomOf(7))
  expect(errors.size).toBeGreaterThan(3)
  for (const error of errors) {
    expect(error).toMatch(/^capture: [^\n]+$/)
  }
})
