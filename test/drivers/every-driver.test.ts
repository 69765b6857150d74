import { expect, test } from 'vitest'
import { DRIVER_RUNS, drivers } from '#support/every-driver.ts'

test('the tests of all drivers run each driver', () => {
  const names = new Set(DRIVER_RUNS.map(({ name }) => name))
  expect([...names].sort()).toEqual(Object.keys(drivers).sort())
})
