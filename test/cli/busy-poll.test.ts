import { afterEach, expect, test, vi } from 'vitest'
import { loadNative } from '#src/linux/native.ts'
import { runMain } from '#support/run-main.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

// A run that fails before it makes an interface has set the window already.
test.each([
  [[], 0],
  [['--busy-poll', '50us'], 50_000],
  [['--busy-poll', '2ms'], 2_000_000],
  [['--busy-poll', '0us'], 0],
])('%j sets a polling window of %i ns for every descriptor', async (options, ns) => {
  const setBusyPoll = vi.spyOn(loadNative(), 'setBusyPoll')
  await runMain('snull', 'a', 'b', '--address', 'c=192.0.2.1/24', ...options)
  expect(setBusyPoll.mock.calls).toEqual([[ns]])
})
