/** Calls of the addon that throw a VnetError instead of returning -errno. */
import { type Call, EBADFD, VnetError } from '../base/errno.ts'
import type { Native, Poller } from './native.ts'
import { int32, SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF, SO_SNDBUFFORCE, SOL_SOCKET } from './uapi.ts'

/** The advice of an EBADFD. */
export const GONE = 'the interface is gone'

/** Returns `result` if it is 0 or more; else throws it as a VnetError. */
export function check(result: number, what: string | Call, advice?: string): number {
  if (result < 0) throw new VnetError(result, what, advice)
  return result
}

/** Like check, for calls on a TAP's descriptor, for which EBADFD means a deleted interface. */
export function checkTap(result: number, what: string | Call): number {
  return check(result, what, result === -EBADFD ? GONE : undefined)
}

/** Returns the result of `fn`; closes `fd` in any case. */
export function closing<T>(native: Native, fd: number, fn: (fd: number) => T): T {
  try {
    return fn(fd)
  } finally {
    native.close(fd)
  }
}

/** Returns the result of `fn`; closes the descriptors only if it throws. */
export function closingOnError<T>(native: Native, fds: readonly number[], fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    for (const fd of fds) native.close(fd)
    throw error
  }
}

const BUFFERS = {
  SO_RCVBUF: [SO_RCVBUF, SO_RCVBUFFORCE],
  SO_SNDBUF: [SO_SNDBUF, SO_SNDBUFFORCE],
} as const

/** Sets a socket's buffer, in bytes: beyond the system's limit if the process is permitted to. */
export function setBuffer(
  native: Native,
  fd: number,
  name: keyof typeof BUFFERS,
  bytes: number,
  what = `setsockopt(${name})`,
): void {
  const [option, force] = BUFFERS[name]
  if (native.setsockopt(fd, SOL_SOCKET, force, int32(bytes)) >= 0) return
  check(native.setsockopt(fd, SOL_SOCKET, option, int32(bytes)), what)
}

/** Watches `fd`, which keeps the process alive until unref(). Throws a VnetError if it cannot. */
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
