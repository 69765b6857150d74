/**
 * The receive window that a connection offers. It grows as the user reads, and avoids silly windows
 * (RFC 9293 sec. 3.8.6.2.2). The sizes are from Linux's default tcp_rmem: a buffer of 131072 bytes,
 * half of which is window, and 6 MiB at most.
 */

/** The shift that Linux offers with its default buffers. */
export const WINDOW_SCALE = 7
export const MAX_UNSCALED = 65_535
const MAX_WINDOW = 3 * 1024 * 1024

export class ReceiveWindow {
  /** The shift of the windows that it offers; 0 if the peer does not scale. */
  scale = 0
  /** The end of the offered window, which never moves back. */
  edge = 0
  /** The largest window that it offers now. */
  limit = 0
  readonly #mss: number
  /** Bytes that the user has read since `#since`. */
  #copied = 0
  #since = 0

  constructor(mss: number) {
    this.#mss = mss
    this.start(mss)
  }

  /** Sets the first window: as many segments as fit without scaling. */
  start(segment: number): void {
    this.limit = Math.max(Math.floor(MAX_UNSCALED / segment), 1) * segment
  }

  /** Bytes of the offered window that are left. */
  left(next: number): number {
    return Math.max(this.edge - next, 0)
  }

  /** Returns the window to offer, in bytes, with `unread` bytes in the buffer. */
  choose(next: number, unread: number, segment: number): number {
    const left = this.left(next)
    let free = Math.max(this.limit - unread, 0)
    if (free < this.limit / 2 && (free < this.limit / 16 || free < segment)) free = 0
    if (this.scale === 0 && (left <= free - segment || left > free)) free -= free % segment
    const size = 2 ** this.scale
    return Math.min(Math.ceil(Math.max(free, left) / size) * size, MAX_UNSCALED * size)
  }

  /** Offers a window. Returns the field of the header. */
  offer(next: number, unread: number, segment: number): number {
    const window = this.choose(next, unread, segment)
    this.edge = Math.max(this.edge, next + window)
    return Math.min(window >> this.scale, MAX_UNSCALED)
  }

  /** Counts read bytes. The window allows twice what the user reads in a round-trip time. */
  onRead(bytes: number, now: number, rtt: number): void {
    this.#copied += bytes
    if (now - this.#since < rtt) return
    if (this.scale > 0) this.limit = Math.max(this.limit, Math.min(2 * this.#copied + 16 * this.#mss, MAX_WINDOW))
    this.#copied = 0
    this.#since = now
  }
}
