/** CaptureStream: a vnet's capture, on a separate connection that carries only pcapng. */

import { EAGAIN } from '../../base/errno.ts'
import { MSG_DONTWAIT, type Native, type Poller, WATCH_READ } from '../../linux/index.ts'
import type { Detached } from '../protocol/connection.ts'

/** Bytes per read. */
const BUFFER_BYTES = 256 * 1024
/** Any byte ends the capture. */
const END = Uint8Array.of(0)

/** A running capture. It keeps the process alive until its end. */
export interface CaptureStream extends AsyncDisposable {
  /**
   * The pcapng file's bytes, cut anywhere; each part is valid until the next is requested, and the
   * vnet sends only as fast. Frames beyond its buffer are lost, and counted in the file. Ends after
   * stop(), and with the vnet. Can be used once: leaving the loop ends the capture.
   */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined>
  /** Requests the end: the vnet sends the rest of the frames and the statistics. Idempotent. */
  stop(): void
}

/** The end of the connection where a capture arrives. */
export class VnetCapture implements CaptureStream, AsyncIterator<Uint8Array, undefined> {
  readonly #native: Native
  readonly #onEnd: (capture: VnetCapture) => void
  readonly #fd: number
  readonly #poller: Poller | undefined
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  /** Capture bytes that arrived with the acknowledgement. */
  #first: Uint8Array
  #wanted: ((next: IteratorResult<Uint8Array, undefined>) => void) | undefined
  #isStopped = false
  #isOpen = true

  /** `onEnd` is called once, when the capture has ended or is closed. */
  constructor(native: Native, { fd, input }: Detached, onEnd: (capture: VnetCapture) => void) {
    this.#native = native
    this.#onEnd = onEnd
    this.#fd = fd
    this.#first = input
    const poller = native.createPoller(fd, () => this.#receive())
    if (typeof poller === 'number') this.close()
    else this.#poller = poller
  }

  stop(): void {
    if (!this.#isOpen || this.#isStopped) return
    this.#isStopped = true
    // If the vnet has ended, reading finds the end.
    this.#native.send(this.#fd, END, MSG_DONTWAIT)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = this.#first
    if (value.length > 0) {
      this.#first = value.subarray(value.length)
      return Promise.resolve({ value })
    }
    if (!this.#isOpen) return Promise.resolve({ value: undefined, done: true })
    return new Promise(resolve => {
      this.#wanted = resolve
      this.#poller?.watch(WATCH_READ)
      this.#poller?.start()
    })
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.close()
    return { value: undefined, done: true }
  }

  /** Ends the capture immediately; unread data is lost. Idempotent. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#poller?.close()
    this.#native.close(this.#fd)
    this.#resolve({ value: undefined, done: true })
    this.#onEnd(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /** Reads once. The poller also reports an error, and data may precede it. */
  #receive(): void {
    const received = this.#native.recv(this.#fd, this.#buffer, MSG_DONTWAIT)
    if (received === -EAGAIN) return void this.#poller?.start()
    if (received <= 0) return void this.close()
    this.#poller?.stop()
    this.#resolve({ value: this.#buffer.subarray(0, received) })
  }

  #resolve(next: IteratorResult<Uint8Array, undefined>): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    wanted?.(next)
  }
}
