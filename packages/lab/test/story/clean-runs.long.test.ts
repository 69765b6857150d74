/** 40 runs without planned faults have no losses except at full queues. */
import { expect, test } from 'vitest'
import { cleanRuns } from './clean-runs.ts'

test('40 runs over delay, jitter and full queues have no invented losses', {
  timeout: 600_000,
}, async () => {
  const { lost, missed, invented, trips, rates } = await cleanRuns(40)
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`
  console.log(
    `${lost} lost, ${missed} missed, errors of ${trips.length} round trips up to ${percent(Math.max(...trips))}`,
  )
  console.log(`errors of ${rates.length} rates up to ${percent(Math.max(...rates))}`)
  expect(invented).toEqual([])
  expect(missed / lost).toBeLessThan(0.05)
  expect(Math.max(...trips)).toBeLessThan(0.05)
  expect(Math.max(...rates)).toBeLessThan(0.03)
})
