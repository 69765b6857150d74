/** The losses of runs in memory are named by the capture of one end. */
import { expect, test } from 'vitest'
import { compareRuns } from './known-faults.ts'

test('the capture of either end names the losses of data, SYN and FIN, and no others', async () => {
  const { traced, named, wrong } = await compareRuns(20)
  expect(wrong).toEqual([])
  expect(traced).toBeGreaterThan(50)
  expect(named).toBe(traced)
})
