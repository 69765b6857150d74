/**
 * A Unix stream socket that listens at a path, event driven. Connections are accepted one by one when the owner asks, so that
 * it is the owner who says how many at a time. Descriptor, watcher and file are removed by `close`.
 */
import { chmodSync, rmSync } from 'node:fs'
import { EAGAIN, ENAMETOOLONG } from '../core/errno.ts'
import { check } from '../kernel/errno.ts'
import type { Native, Poller } from '../kernel/native.ts'
import { startPoller } from '../kernel/poller.ts'
import { AF_UNIX, SOCK_NONBLOCK, SOCK_STREAM, sockaddrUn } from '../kernel/uapi.ts'

/** Connections that wait to be accepted. They come one after the other: behind many of one user others would wait long. */
const BACKLOG = 64

export class ListeningSocket {
  readonly path: string
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  #open = true

  private constructor(native: Native, path: string, mode: number, onReadable: () => void) {
    const address = sockaddrUn(path)
    this.path = path
    this.#native = native
    if (address === undefined) check(-ENAMETOOLONG, path, 'a Unix socket’s path has at most 107 bytes')
    this.#fd = check(native.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, -1), 'socket(AF_UNIX)')
    let isBound = false
    try {
      check(native.bind(this.#fd, address as Uint8Array), `bind ${path}`)
      isBound = true
      // The umask takes from the mode of a new file. Nobody can connect before it listens.
      chmodSync(path, mode)
      check(native.listen(this.#fd, BACKLOG), `listen ${path}`)
      this.#poller = startPoller(native, this.#fd, onReadable)
    } catch (error) {
      native.close(this.#fd)
      if (isBound) remove(path)
      throw error
    }
  }

  /** Makes the file and listens. `onReadable` is called while a client waits to be accepted. Throws a VnetError or Node's own. */
  static open(native: Native, path: string, mode: number, onReadable: () => void): ListeningSocket {
    return new ListeningSocket(native, path, mode, onReadable)
  }

  /** A descriptor of the next connection, non-blocking, the caller's to close; -EAGAIN when there is none, or another -errno. */
  accept(): number {
    return this.#open ? this.#native.accept(this.#fd) : -EAGAIN
  }

  /** Watches no more for clients: they wait. */
  pause(): void {
    this.#poller.stop()
  }

  resume(): void {
    this.#poller.start()
  }

  unref(): void {
    this.#poller.unref()
  }

  /** Idempotent. Removes the file; clients that were not accepted notice the end. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#poller.close()
    this.#native.close(this.#fd)
    remove(this.path)
  }
}

/** A file that cannot be removed keeps nothing else from ending: who finds it finds that nobody listens. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // It is not ours to remove any more.
  }
}
