/** Runs without planned faults have no losses except at full queues. */
import { expect, test } from 'vitest'
import { cleanRuns } from './clean-runs.ts'

test('delay, jitter and full queues have no invented losses, and are measured', async () => {
  const { lost, missed, invented, trips, rates } = await cleanRuns(9)
  expect(invented).toEqual([])
  expect(lost).toBeGreaterThan(50)
  expect(missed).toBe(0)
  expect(Math.max(...trips)).toBeLessThan(0.05)
  expect(rates.length).toBeGreaterThan(2)
  expect(Math.max(...rates)).toBeLessThan(0.03)
})
