import { expect, test } from 'vitest'
import { faults } from '../../../src/drivers/snull/faults.ts'
import { faultWords } from '../../../src/web/page/fault-words.ts'

test('each fault of a driver of vnet says what it does, and the faults of others say nothing', () => {
  for (const fault of faults) expect(faultWords('snull', fault)).toMatch(/^[A-Z].*\.$/)
  expect(faultWords('lan', 'flap')).toContain('link')
  expect([faultWords('mine', 'flap'), faultWords('lan', 'lockup'), faultWords(undefined, 'flap')]).toEqual(
    Array(3).fill(undefined),
  )
})
