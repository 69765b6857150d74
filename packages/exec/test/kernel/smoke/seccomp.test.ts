/**
 * The listener for trapped calls without a call to receive: its thread was killed, or all processes
 * ended.
 */
import { expect, test } from 'vitest'
import { ENOENT } from '#src/base/errno.ts'
import type { Native } from '#src/linux/native.ts'
import { POLLHUP } from '#src/linux/uapi.ts'
import { NotificationListener } from '../../../src/seccomp.ts'

/** A listener that wakes up without a call to receive, and its actions. */
function wokenFor(events: number): string[] {
  const done: string[] = []
  const note = (what: string) => Math.min(0, done.push(what))
  let wake = () => {}
  const native: Partial<Native> = {
    ioctl: () => -ENOENT,
    poll: () => events,
    close: fd => note(`close ${fd}`),
    createPoller(_, fn) {
      wake = () => void fn(0)
      const poller = { start: () => 0, stop: () => 0, watch: () => 0, ref: () => 0, unref: () => 0 }
      return { ...poller, close: () => note('poller') }
    },
  }
  new NotificationListener(native as Native, 9, () => note('told'))
  wake()
  return done
}

test('a call is skipped if its thread was killed before the call was received', () => {
  expect(wokenFor(0)).toEqual([])
})

test('the listener closes when the last process with the filter has ended', () => {
  expect(wokenFor(POLLHUP)).toEqual(['poller', 'close 9'])
})
