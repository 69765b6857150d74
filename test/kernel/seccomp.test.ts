/** The listener for trapped calls, when there is none to be had: killed meanwhile, or everybody gone. */
import { expect, test } from 'vitest'
import { ENOENT } from '../../src/core/errno.ts'
import type { Native } from '../../src/kernel/native.ts'
import { NotificationListener } from '../../src/kernel/seccomp.ts'

const POLLHUP = 0x10

/** A listener that is woken without a call to receive; what became of it. */
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

test('a call that was killed before it was received is nobody’s, and others are waited for', () => {
  expect(wokenFor(0)).toEqual([])
})

test('it closes when the last process that it is for is gone', () => {
  expect(wokenFor(POLLHUP)).toEqual(['poller', 'close 9'])
})
