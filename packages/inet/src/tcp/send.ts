/**
 * The sending half of a connection: chooses the segments to send and to repeat, within the peer's
 * window, the congestion window and Nagle's algorithm. Sequence numbers count from the own SYN,
 * which is 0, and do not wrap.
 */
import { EMSGSIZE, tcp } from 'vnet'
import { Congestion } from './congestion.ts'
import type { Connection } from './connection.ts'
import { sackLength } from './output.ts'
import { Retransmission } from './retransmit.ts'
import { Rtt } from './rtt.ts'
import { Scoreboard, type Sent } from './scoreboard.ts'

/** Linux's accounting of send buffers: what a segment costs, and the bounds (tcp_wmem). */
const SEGMENT_OVERHEAD = 640
const SEGMENT_STRUCT = 256
const MAX_BUFFER = 4 * 1024 * 1024
const MIN_SEGMENTS = 10

export class Sender {
  readonly buffer = new SendBuffer(1)
  readonly board = new Scoreboard()
  readonly congestion = new Congestion()
  readonly rtt: Rtt
  /** The first sequence number that is not acknowledged, and the next to send. */
  una = 0
  next = 0
  /** The peer's window in bytes, and the largest that it offered. */
  window = 0
  maxWindow = 0
  mss = 536
  hasSack = false
  isNoDelay = false
  /** The sequence number of the FIN; -1 before it is queued. */
  finAt = -1
  readonly connection: Connection
  readonly #timers: Retransmission
  /** The end of the last segment that was not full (Minshall's variant of Nagle's algorithm). */
  #smallEnd = 0
  #sentAt = 0
  /** Whether the acknowledgment reports a segment that arrived twice (RFC 2883). */
  #hasDuplicate = false

  constructor(connection: Connection) {
    this.connection = connection
    this.rtt = new Rtt(connection.host.options.rtoMin)
    this.#timers = new Retransmission(this)
  }

  /** The data of a full segment with the SACK blocks that it carries now. */
  get #room(): number {
    return this.mss - sackLength(this.connection)
  }

  /** The sequence number after the peer's window: less than `next` if the window has shrunk. */
  get edge(): number {
    return this.una + this.window
  }

  /** The bytes that the send buffer may hold. It grows with the congestion window. */
  get limit(): number {
    const cost = 2 ** Math.ceil(Math.log2(this.mss + SEGMENT_OVERHEAD)) + SEGMENT_STRUCT
    return Math.min(2 * Math.max(this.congestion.window, MIN_SEGMENTS) * cost, MAX_BUFFER)
  }

  /** The end of everything to send, with the FIN. */
  get end(): number {
    return this.finAt < 0 ? this.buffer.end : this.finAt + 1
  }

  get hasUnsent(): boolean {
    return this.next < this.end
  }

  get isFinAcknowledged(): boolean {
    return this.finAt >= 0 && this.una > this.finAt
  }

  queueFin(): void {
    this.finAt = this.buffer.end
    this.board.finAt = this.buffer.end
  }

  /** The connection is established: the SYN is acknowledged. */
  start(): void {
    this.una = 1
    this.next = 1
  }

  /** Sends what may be sent: first lost segments, then new ones. */
  push(): void {
    const now = this.connection.clock.now()
    if (this.board.lost > 0) {
      this.#repeat(now)
    }
    if (this.hasUnsent) {
      this.#sendNew(now)
    }
    if (this.board.packets === 0 && this.hasUnsent) {
      this.#timers.onBlocked()
    }
  }

  #sendNew(now: number): void {
    const { board, congestion } = this
    const wasIdle = board.packets === 0
    if (wasIdle && now - this.#sentAt > this.rtt.timeout) {
      congestion.restart(now - this.#sentAt, this.rtt.timeout)
    }
    const before = this.next
    while (this.hasUnsent && board.inFlight < congestion.window) {
      const mss = this.#room
      const length = Math.min(this.buffer.end - this.next, mss)
      const end = this.next + length === this.finAt ? this.finAt + 1 : this.next + length
      if (end > this.edge) break
      if (length < mss && end !== this.finAt + 1 && this.#mustWait()) break
      this.#sendSegment(end, now)
      if (length < mss) {
        this.#smallEnd = this.next
      }
    }
    const isLimited = board.inFlight >= congestion.window
    const isSent = this.next > before
    if (isSent || isLimited) {
      congestion.onUsed(board.packets, isLimited, this.una, this.next)
    }
    if (isSent) {
      this.#timers.onSent(wasIdle)
    }
  }

  /** Nagle's algorithm: one small segment in flight (Minshall's variant). */
  #mustWait(): boolean {
    return !this.isNoDelay && this.board.packets > 0 && this.#smallEnd > this.una
  }

  #sendSegment(end: number, now: number): void {
    const start = this.next
    this.board.add(start, end, now)
    this.next = end
    this.#sentAt = now
    if (this.congestion.state === 'recovery') {
      this.congestion.onSent()
    }
    this.#emit(start, end, false)
  }

  #emit(start: number, end: number, isRepeat: boolean): void {
    const dataEnd = Math.min(end, this.buffer.end)
    let flags = tcp.TCP_ACK
    if (end === this.finAt + 1 && this.finAt >= 0) {
      flags |= tcp.TCP_FIN
    }
    if (dataEnd === this.buffer.end && dataEnd > start) {
      flags |= tcp.TCP_PSH
    }
    if (this.connection.emit(flags, start, dataEnd - start, isRepeat) === -EMSGSIZE) {
      this.onMtu()
    }
  }

  /** Sends lost segments again, as far as the congestion window allows. */
  #repeat(now: number): void {
    const { board, congestion } = this
    while (board.inFlight < congestion.window) {
      const lost = board.nextLost(this.#room, this.edge)
      if (lost === undefined) return
      this.#resend(lost, now)
      this.connection.count(
        congestion.state === 'loss' ? 'TcpExtTCPSlowStartRetrans' : 'TcpExtTCPFastRetrans',
      )
    }
  }

  #resend(sent: Sent, now: number): void {
    this.board.resend(sent, now)
    this.#sentAt = now
    if (this.congestion.state === 'recovery') {
      this.congestion.onSent()
    }
    this.connection.count('TcpRetransSegs')
    this.#emit(sent.start, sent.end, true)
    this.#timers.onResent(now, sent === this.board.head)
  }

  /** Sends the first lost segment again. */
  resendFirst(now: number): void {
    const lost = this.board.nextLost(this.#room, this.edge)
    if (lost !== undefined) {
      this.#resend(lost, now)
    }
  }

  /**
   * Sends a segment that makes the peer reply: new bytes if they fit into its window, otherwise an
   * old sequence number. Returns whether it sent new bytes.
   */
  probe(counter: string): boolean {
    this.connection.count(counter)
    const length = Math.min(this.buffer.end - this.next, this.#room, this.edge - this.next)
    if (length > 0) {
      this.#sendSegment(this.next + length, this.connection.clock.now())
    } else {
      this.connection.emit(tcp.TCP_ACK, this.una - 1, 0)
    }
    return length > 0
  }

  /** Sends a new segment or the last one again as a loss probe, if the window takes one of them. */
  sendProbe(now: number): 'new' | 'again' | undefined {
    const mss = this.#room
    const length = Math.min(this.buffer.end - this.next, mss)
    if (length > 0 && this.next + length <= this.edge) {
      this.#sendSegment(this.next + length, now)
      return 'new'
    }
    const last = this.board.last(mss, this.edge)
    if (last === undefined) return undefined
    this.#resend(last, now)
    return 'again'
  }

  /** Takes a smaller path MTU: segments that are too large are sent again, in smaller ones. */
  onMtu(): void {
    const before = this.mss
    this.connection.updateMss()
    if (this.mss < before) {
      this.board.markLargeLost(this.mss)
    }
  }

  /** Takes a report that no path led to the peer for the segment with a sequence number. */
  onNoPath(sequence: number): void {
    if (sequence === this.una) {
      this.#timers.revertBackoff()
    }
  }

  /** Takes the window of a segment. */
  setWindow(window: number): void {
    this.window = window
    if (window <= this.maxWindow) return
    this.maxWindow = window
    this.connection.updateMss()
  }

  /** Takes a SACK block. Call `onAck` after the last one. */
  onSack(start: number, end: number, now: number): void {
    if (end <= this.una) {
      this.#hasDuplicate = true
    } else if (start >= this.una && end <= this.next) {
      this.board.sack(start, end, now, this.rtt.minimum)
    }
  }

  /** Takes an acknowledgment, before its SACK blocks. Returns how many segments it removed. */
  onProgress(ack: number, now: number): number {
    this.board.begin()
    this.#hasDuplicate = false
    this.#timers.onAck(ack > this.una)
    if (ack <= this.una) return 0
    const removed = this.board.acknowledge(ack, now, this.rtt.minimum)
    // Duplicate acknowledgments have counted the others.
    if (!this.hasSack && removed > 0) {
      this.board.delivered = Math.max(removed - this.board.sacked, 1)
    }
    this.buffer.release(ack)
    this.una = ack
    return removed
  }

  /**
   * Ends the processing of an acknowledgment. `removed` is the result of `onProgress`, `echoed` the
   * RTT by the timestamps, or -1.
   */
  onAck(removed: number, hasProgress: boolean, isDuplicate: boolean, echoed: number): void {
    const { board, congestion, rtt } = this
    const now = this.connection.clock.now()
    if (board.rtt >= 0) {
      rtt.sample(board.rtt, now)
    } else if (hasProgress && echoed >= 0) {
      rtt.sample(echoed, now)
    }
    this.#timers.endProbe(isDuplicate || this.#hasDuplicate)
    // Without SACK duplicate ACKs may still arrive until later data is acknowledged (RFC 6582).
    if (congestion.isRecovering && this.una >= congestion.recoverAt + (this.hasSack ? 0 : 1)) {
      congestion.leave()
      if (!this.hasSack) {
        board.dropDuplicates()
      }
    }
    const wait = this.#findLost(removed, hasProgress, isDuplicate, now)
    if (board.lost > 0 && congestion.state === 'open') {
      this.#enterRecovery()
    }
    if (congestion.state === 'recovery') {
      congestion.reduce(board.delivered, board.inFlight, hasProgress && board.newlyLost === 0)
    } else if (removed > 0) {
      congestion.grow(board.delivered)
    }
    this.#timers.rearm(hasProgress, wait)
  }

  /** Finds lost segments when the time for reordering has passed. Returns the time to the next. */
  detectLost(now: number): number {
    const { board, congestion, rtt } = this
    const wait = board.detect(now, rtt.minimum, rtt.smoothed, congestion.isRecovering)
    if (board.lost > 0 && congestion.state === 'open') {
      this.#enterRecovery()
      congestion.reduce(1, board.inFlight, false)
    }
    return wait
  }

  #enterRecovery(): void {
    this.congestion.enterRecovery(this.next)
    this.connection.count(this.hasSack ? 'TcpExtTCPSackRecovery' : 'TcpExtTCPRenoRecovery')
  }

  #findLost(removed: number, hasProgress: boolean, isDuplicate: boolean, now: number): number {
    const { board, congestion, rtt } = this
    if (this.hasSack) {
      const needed = board.sacked > 0 || board.resent > 0 || congestion.isRecovering
      return needed ? board.detect(now, rtt.minimum, rtt.smoothed, congestion.isRecovering) : 0
    }
    if (hasProgress) {
      board.dropDuplicates(congestion.isRecovering ? Math.max(removed - 1, 0) : board.sacked)
    } else if (isDuplicate && congestion.state !== 'loss') {
      board.addDuplicate()
    }
    const isPartial =
      congestion.state === 'recovery' && hasProgress && this.una < congestion.recoverAt
    if (isPartial || (congestion.state === 'open' && board.sacked >= board.duplicateThreshold)) {
      board.markHeadLost()
    }
    return 0
  }

  /** Frees everything and stops the timers. */
  clear(): void {
    this.#timers.cancel()
    this.buffer.clear()
    this.board.clear()
  }
}

/** Chunks are dropped from the front of the list in batches. */
const COMPACT = 64

/** The bytes that a user wrote and the peer has not acknowledged, as chunks. */
export class SendBuffer {
  readonly #chunks: Uint8Array[] = []
  /** Index of the first chunk, and how many of its bytes are acknowledged. */
  #first = 0
  #skipped = 0
  /** Sequence numbers of the first byte and after the last one. */
  start: number
  end: number
  /** Where the last copy ended: the next one mostly starts there. */
  #hint = 0
  #hintAt: number

  constructor(start: number) {
    this.start = start
    this.end = start
    this.#hintAt = start
  }

  get length(): number {
    return this.end - this.start
  }

  /** Appends a chunk, which it takes over. */
  append(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.end += chunk.length
  }

  /** Frees the bytes before `sequence`. */
  release(sequence: number): void {
    let left = Math.min(sequence, this.end) - this.start
    if (left <= 0) return
    this.start += left
    left += this.#skipped
    while (this.#first < this.#chunks.length && left >= this.#chunks[this.#first].length) {
      left -= this.#chunks[this.#first].length
      this.#first++
    }
    this.#skipped = left
    if (this.#hintAt < this.start) {
      this.#hint = this.#first
      this.#hintAt = this.start - this.#skipped
    }
    if (this.#first < COMPACT && this.#first < this.#chunks.length) return
    this.#chunks.splice(0, this.#first)
    this.#hint -= this.#first
    this.#first = 0
  }

  /** Copies the `length` bytes at `sequence` to `to`, from `at`. */
  copy(sequence: number, length: number, to: Uint8Array, at: number): void {
    if (sequence < this.#hintAt) {
      this.#hint = this.#first
      this.#hintAt = this.start - this.#skipped
    }
    let done = 0
    while (done < length) {
      const chunk = this.#chunks[this.#hint]
      const from = sequence + done - this.#hintAt
      if (from >= chunk.length) {
        this.#hintAt += chunk.length
        this.#hint++
        continue
      }
      const n = Math.min(chunk.length - from, length - done)
      to.set(n === chunk.length ? chunk : chunk.subarray(from, from + n), at + done)
      done += n
    }
  }

  clear(): void {
    this.#chunks.length = 0
    this.#first = 0
    this.#skipped = 0
    this.#hint = 0
    this.start = this.end
    this.#hintAt = this.end
  }
}
