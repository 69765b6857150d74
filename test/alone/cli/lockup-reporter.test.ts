import { writeSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { LockupReporter } from '../../../src/cli/lockup-reporter.ts'
import type { Native } from '../../../src/linux/native.ts'

vi.mock('node:fs', { spy: true })

afterEach(() => vi.restoreAllMocks())

test('a lockup of which the end is read with the beginning is logged with both', () => {
  const written = vi.mocked(writeSync).mockReturnValue(0)
  // An eventfd adds what is written to it: 1 at the beginning, and the time at the end.
  const values = [501, 901]
  let readable = () => {}
  const native = {
    createPoller(_fd: number, fn: () => void) {
      readable = fn
      return { start: () => 0 }
    },
    timerfdRead: () => values.shift(),
  } as unknown as Native
  new LockupReporter(native, { events: 3, name: 'mine', limitMs: 400, patienceMs: 1 }).start()
  readable()
  readable()
  expect(written.mock.calls.map(([, line]) => line)).toEqual([
    'vnet: mine has not returned for 0.4 s\n',
    'vnet: mine returned after 0.5 s\n',
    'vnet: mine has not returned for 0.4 s\n',
    'vnet: mine returned after 0.9 s\n',
  ])
})
