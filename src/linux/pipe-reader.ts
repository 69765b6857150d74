/** Watches a pipe that this process writes for the end of its last reader. */
import { fstatSync } from 'node:fs'
import { closeFd } from './errno.ts'
import type { Native } from './native.ts'
import { O_NONBLOCK, O_WRONLY } from './uapi.ts'

/** Calls `fn` once when `fd`, a pipe of this user, has no reader left. Keeps no process alive. */
export function onReaderGone(native: Native, fd: number, fn: () => void): Disposable {
  // A separate descriptor: Node may watch the other, and one loop watches a descriptor once.
  const own = fstatSync(fd).isFIFO()
    ? native.open(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK, -1)
    : -1
  const poller = own < 0 ? own : native.createPoller(own, () => end(true))
  let isOpen = true
  function end(isGone: boolean): void {
    if (!isOpen) return
    isOpen = false
    if (typeof poller !== 'number') {
      poller.close()
    }
    if (own >= 0) {
      closeFd(native, own)
    }
    if (isGone) {
      fn()
    }
  }
  if (typeof poller === 'number' || poller.start() < 0) {
    end(false)
  } else {
    poller.unref()
  }
  return { [Symbol.dispose]: () => end(false) }
}
