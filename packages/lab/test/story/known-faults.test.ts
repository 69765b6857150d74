/** The losses of runs in memory are named by the capture of one end. */
import { expect, test } from 'vitest'
import { compareRuns } from './known-faults.ts'

test('the capture of either end names the losses of data, SYN and FIN, and no others', async () => {
  const { traced, named, wrong } = await compareRuns(4)
  expect(wrong).toEqual([])
  expect(traced).toBeGreaterThan(5)
  expect(named).toBe(traced)
})
