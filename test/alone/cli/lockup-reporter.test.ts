import { readFileSync, writeSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { LockupReporter } from '../../../src/cli/lockup-reporter.ts'
import type { Native } from '../../../src/linux/native.ts'

vi.mock('node:fs', { spy: true })

vi.mock('node:inspector', () => ({}))

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.clearAllMocks()
})

/** Starts a reporter whose eventfd has these values. Returns the function to call for each. */
function reporterOf(values: number[]): () => void {
  let readable = () => {}
  const native = {
    createPoller(_fd: number, fn: () => void) {
      readable = fn
      return { start: () => 0 }
    },
    timerfdRead: () => values.shift(),
  } as unknown as Native
  new LockupReporter(native, { events: 3, name: 'mine', limitMs: 400, patienceMs: 1 }).start()
  return readable
}

/** The main thread is in this state, and has used so much CPU time in ticks of 10 ms. */
const mainThread = (state: string, ticks: number) =>
  vi.mocked(readFileSync).mockReturnValue(`7 (no (de) ${state} 1 7 7 0 -1 4 0 0 0 0 ${ticks} 1 0 0`)

test.each([
  ['R', 38, []],
  ['R', 39, ['vnet: mine has not returned for 0.4 s\n', 'vnet: mine returned after 0.5 s\n']],
  ['S', 0, ['vnet: mine has not returned for 0.4 s\n', 'vnet: mine returned after 0.5 s\n']],
] as const)('a main thread in state %s with %i ticks of CPU time logs %j', (state, ticks, lines) => {
  const written = vi.mocked(writeSync).mockReturnValue(0)
  mainThread(state, ticks)
  for (const values of [[501], [1, 500]]) {
    const readable = reporterOf([...values])
    for (const _ of values) readable()
  }
  expect(written.mock.calls.map(([, line]) => line).slice(0, 2)).toEqual(lines)
})

test('a main thread that waited for a CPU and then loops is logged', async () => {
  vi.useFakeTimers()
  const written = vi.mocked(writeSync).mockReturnValue(0)
  mainThread('R', 1)
  reporterOf([1])()
  await vi.advanceTimersByTimeAsync(2000)
  expect(written).not.toHaveBeenCalled()
  mainThread('R', 100)
  await vi.advanceTimersByTimeAsync(501)
  expect(written.mock.calls.map(([, line]) => line)).toEqual(['vnet: mine has not returned for 0.4 s\n'])
})

test('a lockup of which the end is read with the beginning is logged with both', () => {
  const written = vi.mocked(writeSync).mockReturnValue(0)
  // An eventfd adds what is written to it: 1 at the beginning, and the time at the end.
  mainThread('R', 100)
  const readable = reporterOf([501, 901])
  readable()
  readable()
  expect(written.mock.calls.map(([, line]) => line)).toEqual([
    'vnet: mine has not returned for 0.4 s\n',
    'vnet: mine returned after 0.5 s\n',
    'vnet: mine has not returned for 0.4 s\n',
    'vnet: mine returned after 0.9 s\n',
  ])
})
