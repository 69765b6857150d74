/** CaptureStream: a vnet's capture, on a separate connection that carries only pcapng. */
import { Socket } from 'node:net'
import { check, type Native } from '../../linux/index.ts'
import type { Detached } from '../protocol/detached.ts'

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
export class VnetCapture implements CaptureStream {
  readonly #socket: Socket

  /** `onEnd` is called once, when the capture has ended or is closed. */
  constructor(native: Native, { fd, input }: Detached, onEnd: (capture: VnetCapture) => void) {
    check(native.release(fd), 'release')
    this.#socket = new Socket({ fd })
    // Reading ends then: the vnet has ended.
    this.#socket.on('error', () => {}).once('close', () => onEnd(this))
    // Bytes that arrived with the acknowledgement.
    if (input.length > 0) {
      this.#socket.unshift(input)
    }
  }

  stop(): void {
    this.#socket.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    try {
      for await (const bytes of this.#socket) {
        yield bytes
      }
    } catch {
      // The vnet has ended, or the capture was closed.
    }
    return undefined
  }

  /** Ends the capture immediately; unread data is lost. Idempotent. */
  close(): void {
    this.#socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}
