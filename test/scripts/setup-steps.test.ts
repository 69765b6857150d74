/** A step of set-up is due if one of its outputs is missing. */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { steps } from '../../scripts/setup/steps.mjs'

test('set-up makes all files without which it would run again', () => {
  expect(steps.flatMap(({ outputs }) => outputs()).filter(file => !existsSync(file))).toEqual([])
})
