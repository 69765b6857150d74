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

/**
 * The main thread is in this state, has used so much CPU time in ticks of 10 ms, and has waited for
 * a CPU for so many ms.
 */
const mainThread = (state: string, ticks: number, waitedMs = 0) =>
  vi
    .mocked(readFileSync)
    .mockImplementation(path =>
      `${path}`.endsWith('/schedstat')
        ? `${(ticks + 1) * 10_000_000} ${waitedMs * 1_000_000} 7\n`
        : `7 (no (de) ${state} 1 7 7 0 -1 4 0 0 0 0 ${ticks} 1 0 0`,
    )

const LOGGED = ['vnet: mine has not returned for 0.4 s\n', 'vnet: mine returned after 0.5 s\n']

test.each([
  ['R', 38, []],
  ['R', 39, LOGGED],
  ['S', 0, LOGGED],
] as const)('a main thread in state %s with %i ticks of CPU time logs %j', (state, ticks, lines) => {
  const written = vi.mocked(writeSync).mockReturnValue(0)
  mainThread(state, ticks)
  const readable = reporterOf([1, 500])
  readable()
  readable()
  expect(written.mock.calls.map(([, line]) => line)).toEqual(lines)
})

test.each([
  ['R', 38, 102, []],
  ['S', 38, 102, []],
  ['R', 38, 100, LOGGED],
  ['S', 39, 102, LOGGED],
] as const)(
  'a call of 500 ms, read at its end in state %s after %i ticks and a wait of %i ms, logs %j',
  (state, ticks, waitedMs, lines) => {
    const written = vi.mocked(writeSync).mockReturnValue(0)
    mainThread(state, ticks, waitedMs)
    reporterOf([501])()
    expect(written.mock.calls.map(([, line]) => line)).toEqual(lines)
  },
)

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
