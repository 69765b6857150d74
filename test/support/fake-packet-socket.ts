/** A Native of which only a packet socket's data path is there: what a test has come in by it, and what was sent. */
import { EAGAIN, ENETDOWN } from '../../src/core/errno.ts'
import type { Batch, Native, Poller } from '../../src/kernel/native.ts'
import { VIRTIO_NET_HDR_LEN } from '../../src/kernel/uapi.ts'

export class FakePacketSocket {
  readonly fd = 77
  /** Frames that wait to be read, and errors (-errno) that reads are to answer, in order. */
  readonly incoming: (Uint8Array | number)[] = []
  readonly sent: Uint8Array[] = []
  /** What the next writes answer, each once; EAGAIN until it is taken out. */
  readonly refusals: number[] = []
  closed = 0
  watched = false
  /** Of the last calls of `wake`. */
  more = false
  #reads = 0
  #arena: Uint8Array = new Uint8Array()
  #offsets: Int32Array = new Int32Array()
  #lengths: Int32Array = new Int32Array()
  #fn: (status: number) => boolean | void = () => {}

  /** Frames that came in since it was asked last, also those that could not be read. */
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

  /** What the event loop does: calls it while it is watched and there is something, or an error. */
  wake(status = 0): void {
    if (!this.watched) return
    if (status < 0) this.watched = false
    this.more = this.#fn(status) === true
  }

  #poller(): Poller {
    const set = (watched: boolean) => () => {
      this.watched = watched
      return 0
    }
    return { start: set(true), stop: set(false), close: set(false), watch: () => 0, ref: () => 0, unref: () => 0 }
  }

  #read(fd: number, n: number): number {
    if (fd !== this.fd) throw new Error(`read of ${fd}`)
    let i = 0
    for (; i < n; i++) {
      const next = this.incoming[0]
      if (next === undefined || (typeof next === 'number' && i > 0)) break
      this.incoming.shift()
      // Of an interface that is down it is no frame.
      if (next !== -ENETDOWN) this.#reads++
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
