/**
 * A Native with only the data path of a packet socket: a test sets what is received, and reads what
 * was sent.
 */

import { EAGAIN, ENETDOWN } from '#src/base/errno.ts'
import type { Batch, Native, Poller } from '#src/linux/native.ts'
import { VIRTIO_NET_HDR_LEN } from '#src/linux/uapi.ts'

export class FakePacketSocket {
  readonly fd = 77
  /** The frames that wait, and the errors (-errno) that reads return, in order. */
  readonly incoming: (Uint8Array | number)[] = []
  readonly sent: Uint8Array[] = []
  /** The results of the next writes, each once; EAGAIN remains until it is removed. */
  readonly refusals: number[] = []
  closed = 0
  watched = false
  /** What fn returned to the last call by `wake`. */
  more = false
  #reads = 0
  #arena: Uint8Array = new Uint8Array()
  #offsets: Int32Array = new Int32Array()
  #lengths: Int32Array = new Int32Array()
  #fn: (status: number) => boolean | void = () => {}

  /** The number of frames received since the last call, including frames that could not be read. */
  arrived(): number {
    const arrived = this.#reads + this.incoming.length
    this.#reads = -this.incoming.length
    return arrived
  }

  get native(): Native {
    const calls: Partial<Native> = {
      createBatch: (arena, offsets, lengths) => {
        this.#arena = arena
        this.#offsets = offsets
        this.#lengths = lengths
        return {} as Batch
      },
      readBatch: (_, fd, n) => this.#read(fd, n),
      writeBatch: (_, fd, n) => this.#write(fd, n),
      createPoller: (_, fn) => {
        this.#fn = fn
        return this.#poller()
      },
      close: fd => {
        this.closed += fd === this.fd ? 1 : 0
        return 0
      },
    }
    return calls as Native
  }

  /** Acts as the event loop: calls the poller while it watches and there is a frame or an error. */
  wake(status = 0): void {
    if (!this.watched) return
    if (status < 0) {
      this.watched = false
    }
    this.more = this.#fn(status) === true
  }

  #poller(): Poller {
    const set = (watched: boolean) => () => {
      this.watched = watched
      return 0
    }
    return {
      start: set(true),
      stop: set(false),
      close: set(false),
      watch: () => 0,
      ref: () => 0,
      unref: () => 0,
    }
  }

  #read(fd: number, n: number): number {
    if (fd !== this.fd) throw new Error(`read of ${fd}`)
    let i = 0
    for (; i < n; i++) {
      const next = this.incoming[0]
      if (next === undefined || (typeof next === 'number' && i > 0)) break
      this.incoming.shift()
      // The error of an interface that is down is not a frame.
      if (next !== -ENETDOWN) {
        this.#reads++
      }
      if (typeof next === 'number') return next
      const at = this.#offsets[i] as number
      this.#arena.fill(0, at, at + VIRTIO_NET_HDR_LEN)
      const room = (this.#lengths[i] as number) - VIRTIO_NET_HDR_LEN
      this.#arena.set(next.subarray(0, room), at + VIRTIO_NET_HDR_LEN)
      this.#lengths[i] = VIRTIO_NET_HDR_LEN + Math.min(next.length, room)
    }
    return i
  }

  #write(fd: number, n: number): number {
    if (fd !== this.fd) throw new Error(`write of ${fd}`)
    for (let i = 0; i < n; i++) {
      const error = this.refusals[0]
      if (error === -EAGAIN) return i
      if (error !== undefined) {
        this.refusals.shift()
        this.#lengths[i] = error
        continue
      }
      const at = this.#offsets[i] as number
      this.sent.push(this.#arena.slice(at + VIRTIO_NET_HDR_LEN, at + (this.#lengths[i] as number)))
    }
    return n
  }
}
