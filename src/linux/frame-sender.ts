/**
 * FrameSender: sends single frames, in order, by a packet socket. One native call a frame costs a
 * few percent more than a batch, and keeps the order when the interface has no room.
 */
import { EMSGSIZE, ENETDOWN, ENOBUFS, ENODEV, ENXIO, VnetError } from '../base/errno.ts'
import { check, startPoller } from './errno.ts'
import { type Batch, type Native, type Poller, WATCH_WRITE } from './native.ts'

/** The longest frame: a packet of 64 KiB, with its headers. */
const FRAME_MAX = 68 * 1024
/** Below this many bytes a loop copies faster than `set` with a view. */
const SHORT = 128
/** Milliseconds before a full queue of the interface is tried again: its space causes no event. */
const AGAIN_MS = 1
/** Milliseconds after which a full queue counts as blocked: the peer of a veth may be down. */
const FULL_MS = 100

/** The result for a frame: it was sent, it does not fit yet, or -errno. */
export const SENT = 1
export const FULL = 0

export class FrameSender implements Disposable {
  readonly #native: Native
  readonly #fd: number
  readonly #what: string
  readonly #arena = new Uint8Array(new SharedArrayBuffer(FRAME_MAX))
  readonly #offsets = new Int32Array(new SharedArrayBuffer(4))
  readonly #lengths = new Int32Array(new SharedArrayBuffer(4))
  readonly #batch: Batch
  #poller: Poller | undefined
  /** True if the socket has no room, false if the queue of the interface has none. */
  #isSocketFull = false
  /** How often in a row the queue of the interface was full. */
  #full = 0

  /** Takes over a socket of openSendingSocket. Errors start with `what`. */
  constructor(native: Native, fd: number, what: string) {
    this.#native = native
    this.#fd = fd
    this.#what = what
    const batch = native.createBatch(this.#arena, this.#offsets, this.#lengths)
    if (typeof batch === 'number') throw new VnetError(batch, 'createBatch')
    this.#batch = batch
  }

  /**
   * Sends a frame. Returns SENT, FULL, or -errno if it cannot be sent: -EMSGSIZE if it is too long.
   * Throws a VnetError if the interface is down or gone.
   */
  send(bytes: Uint8Array, at: number, length: number): number {
    if (length > FRAME_MAX) return -EMSGSIZE
    const arena = this.#arena
    if (length < SHORT) for (let i = 0; i < length; i++) arena[i] = bytes[at + i]
    else arena.set(bytes.subarray(at, at + length))
    this.#lengths[0] = length
    if (this.#native.writeBatch(this.#batch, this.#fd, 1) === 0) {
      this.#isSocketFull = true
      return FULL
    }
    const result = this.#lengths[0]
    if (result === -ENOBUFS && this.#full < FULL_MS) {
      this.#isSocketFull = false
      this.#full++
      return FULL
    }
    if (result > 0) {
      this.#full = 0
      return SENT
    }
    if (result === -ENETDOWN || result === -ENXIO || result === -ENODEV) {
      throw new VnetError(result, this.#what, result === -ENETDOWN ? 'the interface is down' : 'the interface is gone')
    }
    return result
  }

  /** Settles when a frame that did not fit may be sent again. */
  room(): Promise<void> {
    if (!this.#isSocketFull) return new Promise(resolve => setTimeout(resolve, AGAIN_MS))
    return new Promise(resolve => {
      // After an error the next send reports it.
      const poller = startPoller(this.#native, this.#fd, () => {
        poller.close()
        this.#poller = undefined
        resolve()
      })
      check(poller.watch(WATCH_WRITE), 'poll')
      this.#poller = poller
    })
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    this.#poller?.close()
    this.#poller = undefined
    this.#native.close(this.#fd)
  }
}
