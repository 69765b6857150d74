/**
 * Received bytes of a connection: bytes in order, which the user reads, bytes after a gap, and the
 * SACK blocks that report them (RFC 2018, RFC 2883). Sequence numbers count from the peer's SYN,
 * which is 0, and do not wrap.
 */

type Later = Readonly<{ start: number; end: number; bytes: Uint8Array }>

/** Linux reports up to four ranges, the latest first. */
const MAX_RANGES = 4
const COMPACT = 64

export class ReceiveBuffer {
  /** The next expected sequence number, RCV.NXT. */
  next = 1
  /** Bytes that the user has not read. */
  unread = 0
  /** Whether the peer's FIN arrived in order. */
  isFinished = false
  #ready: Uint8Array[] = []
  #first = 0
  /** Sequence number of a byte that Linux leaves out of the stream (RFC 6093); -1 without one. */
  urgentAt = -1
  /** Whether this byte is the last one in order: it counts as unread until the end is read. */
  endsUrgent = false
  /** Sequence number of the next FIN; lower than `next` without one. */
  #finAt = -1
  /** In the order of sequence numbers, without overlaps. */
  readonly #later: Later[] = []
  /** Edges of received ranges after `next`, in pairs, the latest range first. */
  readonly ranges: number[] = []
  /** A range that arrived twice, to report once (RFC 2883); -1 without one. */
  duplicateStart = -1
  duplicateEnd = -1

  get hasGap(): boolean {
    return this.ranges.length > 0
  }

  /**
   * Takes the data and the FIN of a segment in the window, and copies what is new. Returns whether
   * `next` advanced.
   */
  accept(sequence: number, bytes: Uint8Array, at: number, length: number, isFin: boolean): boolean {
    this.duplicateStart = -1
    const end = sequence + length
    const endWithFin = isFin ? end + 1 : end
    if (endWithFin <= this.next || this.isFinished) {
      this.#setDuplicate(sequence, endWithFin)
      return false
    }
    // The first one that bytes reach in order counts; one that bytes have passed does not.
    if (isFin && (this.#finAt < this.next || end < this.#finAt)) {
      this.#finAt = end
    }
    if (sequence > this.next) {
      this.#addLater(sequence, end, bytes, at)
      this.#addRange(sequence, endWithFin)
      return false
    }
    const skipped = this.next - sequence
    if (skipped > 0) {
      this.#setDuplicate(sequence, this.next)
    }
    if (length > skipped) {
      this.#append(bytes.slice(at + skipped, at + length))
    }
    this.#joinLater()
    if (this.next === this.#finAt) {
      this.next++
      this.isFinished = true
      // Nothing may follow a FIN.
      this.#later.length = 0
      this.ranges.length = 0
      this.duplicateStart = -1
    }
    if (this.ranges.length > 0) {
      this.#dropRanges()
    }
    return true
  }

  /** Removes the next chunk and returns it; undefined without one. */
  read(): Uint8Array | undefined {
    if (this.#first === this.#ready.length) return undefined
    const chunk = this.#ready[this.#first++]
    this.unread -= chunk.length
    if (this.#first === this.#ready.length) {
      this.#ready = []
      this.#first = 0
    } else if (this.#first === COMPACT) {
      this.#ready.splice(0, COMPACT)
      this.#first = 0
    }
    return chunk
  }

  /** Frees all bytes. */
  clear(): void {
    this.#ready = []
    this.#first = 0
    this.unread = 0
    this.#later.length = 0
    this.ranges.length = 0
  }

  /** Adds the next bytes of the stream, without an urgent byte. */
  #append(bytes: Uint8Array): void {
    const urgent = this.urgentAt - this.next
    this.next += bytes.length
    this.endsUrgent = urgent === bytes.length - 1
    if (urgent >= 0 && urgent < bytes.length) {
      this.#addReady(bytes.subarray(0, urgent))
      this.#addReady(bytes.subarray(urgent + 1))
    } else {
      this.#addReady(bytes)
    }
  }

  #addReady(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#ready.push(bytes)
    this.unread += bytes.length
  }

  #joinLater(): void {
    const before = this.next
    let joined = 0
    for (const { start, end, bytes } of this.#later) {
      if (start > this.next || this.next === this.#finAt) break
      this.#addDuplicate(start, Math.min(end, before))
      if (end > this.next) {
        this.#append(start === this.next ? bytes : bytes.subarray(this.next - start))
      }
      joined++
    }
    if (joined > 0) {
      this.#later.splice(0, joined)
    }
  }

  /** Keeps the bytes that no earlier segment brought. */
  #addLater(from: number, to: number, bytes: Uint8Array, at: number): void {
    const later = this.#later
    let start = from
    let i = later.length
    while (i > 0 && later[i - 1].start > start) {
      i--
    }
    if (i > 0 && later[i - 1].end > start) {
      start = later[i - 1].end
      this.#addDuplicate(from, Math.min(start, to))
    }
    if (start >= to) return
    let covered = i
    while (covered < later.length && later[covered].end <= to) {
      covered++
    }
    for (let j = i; j < later.length && later[j].start < to; j++) {
      this.#addDuplicate(later[j].start, Math.min(later[j].end, to))
    }
    const end = covered < later.length ? Math.min(to, later[covered].start) : to
    if (start === end) return
    const kept = { start, end, bytes: bytes.slice(at + start - from, at + end - from) }
    if (i === later.length) {
      later.push(kept)
    } else {
      later.splice(i, covered - i, kept)
    }
  }

  #addRange(from: number, to: number): void {
    const { ranges } = this
    let start = from
    let end = to
    for (let i = 0; i < ranges.length; ) {
      if (ranges[i] > end || ranges[i + 1] < start) {
        i += 2
      } else {
        start = Math.min(start, ranges[i])
        end = Math.max(end, ranges[i + 1])
        ranges.splice(i, 2)
      }
    }
    ranges.unshift(start, end)
    if (ranges.length > 2 * MAX_RANGES) {
      ranges.length = 2 * MAX_RANGES
    }
  }

  #dropRanges(): void {
    const { ranges } = this
    for (let i = ranges.length - 2; i >= 0; i -= 2) {
      if (ranges[i] < this.next) {
        ranges.splice(i, 2)
      }
    }
    // More ranges than are reported can be forgotten while their bytes are kept.
    if (ranges.length === 0 && this.#later.length > 0) {
      this.#addRange(this.#later[0].start, this.#later[0].end)
    }
  }

  /** Reports a range too, if it touches the one to report. */
  #addDuplicate(start: number, end: number): void {
    if (start >= end) return
    if (this.duplicateStart < 0) {
      this.#setDuplicate(start, end)
    } else if (start <= this.duplicateEnd && end >= this.duplicateStart) {
      this.#setDuplicate(Math.min(start, this.duplicateStart), Math.max(end, this.duplicateEnd))
    }
  }

  #setDuplicate(start: number, end: number): void {
    if (start === end) return
    this.duplicateStart = start
    this.duplicateEnd = end
  }
}

/** The shift that Linux offers with its default buffers. */
export const WINDOW_SCALE = 7
export const MAX_UNSCALED = 65_535
const MAX_WINDOW = 3 * 1024 * 1024

/**
 * The receive window that a connection offers. It grows as the user reads, and avoids silly windows
 * (RFC 9293 sec. 3.8.6.2.2). The sizes are from Linux's default tcp_rmem: a buffer of 131072 bytes,
 * half of which is window, and 6 MiB at most.
 */
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
    if (free < this.limit / 2 && (free < this.limit / 16 || free < segment)) {
      free = 0
    }
    if (this.scale === 0 && (left <= free - segment || left > free)) {
      free -= free % segment
    }
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
    if (this.scale > 0) {
      this.limit = Math.max(this.limit, Math.min(2 * this.#copied + 16 * this.#mss, MAX_WINDOW))
    }
    this.#copied = 0
    this.#since = now
  }
}
