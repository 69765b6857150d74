/** One pair; `npm run test:course` runs the live checks of each exercise on all other solutions. */
import { test } from 'vitest'
import { expectFailedLive } from '../support/other-drivers.ts'

test('the live checks of 03-ring alone fail a mirror without a ring', () =>
  expectFailedLive('03-ring', 'mirror'))
