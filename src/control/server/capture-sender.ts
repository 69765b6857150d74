/**
 * Sends a capture over the connection on which it was requested: straight from the buffer of the
 * capture, as fast as the client reads, in the share of the time that requests have. So a client
 * that does not read costs that buffer and nothing else.
 */

import { EAGAIN } from '../../base/errno.ts'
import type { Turns, Work } from '../../base/turns.ts'
import { type Native, type Poller, WATCH_READ, WATCH_WRITE } from '../../linux/native.ts'
import { MSG_DONTWAIT } from '../../linux/uapi.ts'
import type { Detached } from '../protocol/connection.ts'
import type { Heir } from './operation.ts'

/** Bytes at most in one step; the socket usually takes fewer. */
const STEP_BYTES = 256 * 1024

/** The data to send: a Capture. */
export interface CaptureSource {
  /** The waiting bytes, valid until the next call; may be empty. */
  peek(): Uint8Array
  /** Frees the first `bytes` of them. */
  consume(bytes: number): void
  /** Ends it. The rest, with the statistics, then waits in peek(). Idempotent. */
  close(): void
}

export class CaptureSender implements Heir, Work {
  readonly share: Work['share']
  readonly privileged: boolean
  readonly #native: Native
  readonly #turns: Turns
  readonly #source: CaptureSource
  readonly #onEnd: () => void
  #connection: { readonly fd: number; readonly poller: Poller } | undefined
  /** Data queued before the capture: the acknowledgement, unless it is sent. */
  #before: Uint8Array = new Uint8Array(0)
  /** True when the source is closed: the rest is sent, and then the connection ends. */
  #isEnding = false
  /** True while the socket takes nothing. */
  #isFull = false
  #isOpen = true
  readonly #scrap = new Uint8Array(64)

  /**
   * Sends in the share of `owner`. `onEnd` is called once, when nothing is left to send or the
   * client has gone.
   */
  constructor(
    native: Native,
    turns: Turns,
    owner: Pick<Work, 'share' | 'privileged'>,
    source: CaptureSource,
    onEnd: () => void,
  ) {
    this.#native = native
    this.#turns = turns
    this.share = owner.share
    this.privileged = owner.privileged
    this.#source = source
    this.#onEnd = onEnd
  }

  take({ fd, input, output }: Detached): void {
    const poller = this.#isOpen ? this.#native.createPoller(fd, status => this.#ready(status)) : -1
    if (typeof poller === 'number') {
      this.#native.close(fd)
      this.close()
      return
    }
    poller.unref()
    this.#connection = { fd, poller }
    this.#before = output
    if (input.length > 0) this.end()
    this.#turns.add(this)
  }

  /** The source has something to send. */
  onData(): void {
    if (this.#connection !== undefined && !this.#isFull) this.#turns.add(this)
  }

  /** Ends the capture; its remaining data is sent to a client that reads. Idempotent. */
  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#source.close()
    this.onData()
  }

  /** Sends as much as the socket accepts, once. */
  step(): boolean {
    const connection = this.#connection
    if (connection === undefined) return false
    this.#isFull = false
    if (!this.#isEnding) this.#receive(connection.fd)
    const bytes = this.#before.length > 0 ? this.#before : this.#source.peek()
    if (bytes.length === 0 && this.#isEnding) {
      this.close()
      return false
    }
    const part = bytes.subarray(0, STEP_BYTES)
    const sent = part.length === 0 ? 0 : this.#native.send(connection.fd, part, MSG_DONTWAIT)
    if (sent < 0 && sent !== -EAGAIN) {
      this.close()
      return false
    }
    if (sent > 0) this.#sent(sent)
    if (part.length > 0 && sent === part.length) return true
    this.#isFull = part.length > 0
    this.#watch()
    return false
  }

  wait(): void {
    this.#connection?.poller.stop()
  }

  /** Ends the capture immediately; unsent data is lost. Idempotent. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#isEnding = true
    this.#source.close()
    this.#turns.delete(this)
    this.#connection?.poller.close()
    if (this.#connection !== undefined) this.#native.close(this.#connection.fd)
    this.#connection = undefined
    this.#onEnd()
  }

  #ready(status: number): void {
    // The client disconnected before it read everything.
    if (status < 0) this.close()
    else this.#turns.add(this)
  }

  /** Any byte from the client ends the capture, and so does the end of its data. */
  #receive(fd: number): void {
    if (this.#native.recv(fd, this.#scrap, MSG_DONTWAIT) !== -EAGAIN) this.end()
  }

  #sent(bytes: number): void {
    if (this.#before.length > 0) this.#before = this.#before.subarray(bytes)
    else this.#source.consume(bytes)
  }

  #watch(): void {
    // A client that shut down its side remains readable forever.
    const events = (this.#isEnding ? 0 : WATCH_READ) | (this.#isFull ? WATCH_WRITE : 0)
    if (events === 0) return
    this.#connection?.poller.watch(events)
    this.#connection?.poller.start()
  }
}
