/** Wrong drivers that change what their checks run on: none is passed. */
import { describe, expect, test } from 'vitest'
import { forgeries, IN_LANGUAGE, WITH_MODULES } from '../support/forged-drivers.ts'

const { isForged, isForgedBare } = forgeries()

describe('a mirror is not passed as 04-interrupt', () => {
  test.each(IN_LANGUAGE)('a driver with $title is not passed', attack => {
    expect(isForged(attack)).toBe(false)
  })

  test.each(IN_LANGUAGE)('a driver with $title is not passed without the sandbox', attack => {
    expect(isForgedBare(attack)).toBe(false)
  })

  test.each(WITH_MODULES)(
    'a driver with $title is not passed: it needs what the sandbox refuses',
    attack => {
      expect(isForged(attack)).toBe(false)
      expect(isForgedBare(attack)).toBe(true)
    },
  )
})
