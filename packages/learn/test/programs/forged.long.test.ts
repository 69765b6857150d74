/** An attack of each kind; `npm run test:course` tries all of test/support/forged-drivers.ts. */
import { expect, test } from 'vitest'
import { forgeries, IN_LANGUAGE, WITH_MODULES } from '../support/forged-drivers.ts'

const { isForged, isForgedBare } = forgeries()

test.each(IN_LANGUAGE.slice(0, 1))(
  'a mirror with $title is not passed without the sandbox',
  attack => {
    expect(isForgedBare(attack)).toBe(false)
  },
)

test.each(WITH_MODULES.slice(0, 1))(
  'a mirror with $title is not passed: it needs what the sandbox refuses',
  attack => {
    expect(isForged(attack)).toBe(false)
    expect(isForgedBare(attack)).toBe(true)
  },
)
