/** Calls of the addon that throw a VnetError instead of returning -errno. */
import { type Call, EBADFD, VnetError } from '../base/errno.ts'
import type { Native, Poller } from './native.ts'
import { int32, SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF, SO_SNDBUFFORCE, SOL_SOCKET } from './uapi.ts'

/** The advice of an EBADFD. */
export const GONE = 'the interface is gone'

/** The advice of an EBADF of close(). */
const NOT_OWN = 'the addon does not own it: it was closed twice, or opened by Node'

/** Returns `result` if it is 0 or more; else throws it as a VnetError. */
export function check(result: number, what: string | Call, advice?: string): number {
  if (result < 0) throw new VnetError(result, what, advice)
  return result
}

/** Like check, for calls on a TAP's descriptor, for which EBADFD means a deleted interface. */
export function checkTap(result: number, what: string | Call): number {
  return check(result, what, result === -EBADFD ? GONE : undefined)
}

/**
 * Closes a descriptor of the addon. Throws a VnetError if the addon does not own it, which is a
 * defect of the caller: it is closed already, or Node has opened it.
 */
export function closeFd(native: Native, fd: number): void {
  closeFds(native, [fd])
}

/** The same for several descriptors: closes all of them, then throws the first failure. */
export function closeFds(native: Native, fds: Iterable<number>): void {
  const [failure] = failedCloses(native, fds)
  if (failure !== undefined) throw failure
}

/** Closes descriptors before the caller throws an error, which a failure must not hide. */
function closeAfterError(native: Native, fds: Iterable<number>): void {
  for (const { message } of failedCloses(native, fds)) {
    process.emitWarning(message, 'VnetWarning')
  }
}

function failedCloses(native: Native, fds: Iterable<number>): VnetError[] {
  const results = [...fds].map(fd => [fd, native.close(fd)] as const)
  return results
    .filter(([, result]) => result < 0)
    .map(([fd, result]) => new VnetError(result, ['close', `descriptor ${fd}`], NOT_OWN))
}

/**
 * Returns the result of `fn`. Closes `fd` in any case: after `fn`, or when its promise is settled.
 */
export function closing<T>(native: Native, fd: number, fn: (fd: number) => T): T {
  const result = closingOnError(native, [fd], () => fn(fd))
  const close = <U>(value: U): U => {
    closeFd(native, fd)
    return value
  }
  return result instanceof Promise ? (result.then(close) as T) : close(result)
}

/** Returns the result of `fn`; closes the descriptors only if it throws, or its promise rejects. */
export function closingOnError<T>(native: Native, fds: readonly number[], fn: () => T): T {
  const fail = (error: unknown): never => {
    closeAfterError(native, fds)
    throw error
  }
  try {
    const result = fn()
    return result instanceof Promise ? (result.catch(fail) as T) : result
  } catch (error) {
    return fail(error)
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
