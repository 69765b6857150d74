import { afterEach, expect, test, vi } from 'vitest'
import { loadNative } from '../../src/kernel/native.ts'
import { runMain } from '../support/run-main.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

// A run that ends before it makes an interface has begun as every other.
test.each([
  [[], 0],
  [['--busy-poll', '50us'], 50_000],
  [['--busy-poll', '2ms'], 2_000_000],
  [['--busy-poll', '0us'], 0],
])('%j is a window of %i ns for all that is watched', async (options, ns) => {
  const setBusyPoll = vi.spyOn(loadNative(), 'setBusyPoll')
  await runMain('snull', 'a', 'b', '--address', 'c=192.0.2.1/24', ...options)
  expect(setBusyPoll.mock.calls).toEqual([[ns]])
})
