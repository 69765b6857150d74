/** Captures of other people may have any bytes. */
import { expect, test } from 'vitest'
import { randomOf, readMutated } from './hostile.ts'

test('30,000 captures with changed bytes have a story, or an error of one line', {
  timeout: 600_000,
}, () => {
  for (const error of readMutated(30_000, randomOf(11))) {
    expect(error).toMatch(/^capture: [^\n]+$/)
  }
})
