/**
 * System calls of the addon that take milliseconds, made on a separate thread while the event loop
 * continues. Without a descriptor, memory or a thread for that, they are made on this thread, which
 * waits for them.
 */
import { type Call, VnetError } from '../base/errno.ts'
import { closeFd, closeFds } from './errno.ts'
import type { Native } from './native.ts'

/** Closes descriptors. The caller must not use their numbers any more. */
export async function closeAside(native: Native, fds: readonly number[]): Promise<void> {
  await aside(
    native,
    event => native.closeAside(Int32Array.from(fds), event),
    () => {
      closeFds(native, fds)
      return 0
    },
  )
}

/** send(2) of `data`, which is copied. Rejects with a VnetError that names `what`. */
export async function sendAside(
  native: Native,
  fd: number,
  data: Uint8Array,
  what: () => string | Call,
): Promise<void> {
  const error = await aside(
    native,
    event => native.sendAside(fd, data, 0, event),
    () => Math.max(0, -native.send(fd, data, 0)),
  )
  if (error > 0) throw new VnetError(error, what())
}

/** bpf(2) of a command that returns a descriptor. Resolves to it, or to -errno. Copies `attr`. */
export async function bpfAside(
  native: Native,
  nsfd: number,
  command: number,
  attr: Uint8Array,
): Promise<number> {
  // The descriptor that the new object gets.
  let fd = native.eventfd()
  if (fd < 0) return fd
  const error = await aside(
    native,
    event => native.bpfAside(nsfd, command, attr, fd, event),
    () => {
      const made = native.bpf(nsfd, command, attr)
      if (made < 0) return -made
      closeFd(native, fd)
      fd = made
      return 0
    },
  )
  if (error === 0) return fd
  closeFd(native, fd)
  return -error
}

/**
 * Resolves to 0 or an errno, from the thread that `start` makes or else from `run`. Rejects if that
 * throws.
 */
function aside(
  native: Native,
  start: (event: number) => number,
  run: () => number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const event = native.eventfd()
    const poller =
      event < 0 ? event : native.createPoller(event, () => end(native.timerfdRead(event) - 1))
    const end = (result: number) => {
      if (typeof poller !== 'number') {
        poller.close()
      }
      if (event >= 0) {
        closeFd(native, event)
      }
      resolve(result)
    }
    if (typeof poller !== 'number' && poller.start() >= 0 && start(event) >= 0) return
    let error = 0
    try {
      error = run()
    } catch (thrown) {
      reject(thrown)
    }
    end(error)
  })
}
