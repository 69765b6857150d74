/** A watched descriptor, or none and an error: what everything that waits for one begins with. */
import { VnetError } from '../core/errno.ts'
import { check } from './errno.ts'
import type { Native, Poller } from './native.ts'

/**
 * Watches `fd` from now on, as Native.createPoller says; it keeps the process alive until `unref`. The descriptor stays the
 * caller's. Throws a VnetError, and then watches nothing.
 */
export function startPoller(native: Native, fd: number, fn: (status: number) => void): Poller {
  const poller = native.createPoller(fd, fn)
  if (typeof poller === 'number') throw new VnetError(poller, 'poll')
  try {
    check(poller.start(), 'poll')
    return poller
  } catch (error) {
    poller.close()
    throw error
  }
}
