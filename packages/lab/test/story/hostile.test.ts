/** Captures of other people may have any bytes. */
import { expect, test } from 'vitest'
import { randomOf, readMutated } from './hostile.ts'

test('captures with changed bytes have a story, or an error of one line', () => {
  const errors = readMutated(100, randomOf(7))
  expect(errors.size).toBeGreaterThan(3)
  for (const error of errors) {
    expect(error).toMatch(/^capture: [^\n]+$/)
  }
})
