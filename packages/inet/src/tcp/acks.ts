/**
 * When received data is acknowledged, like Linux: immediately at the start of a connection and
 * after a pause, after every second full segment, and otherwise after a delay of 40 ms or more,
 * unless a segment with data carries the acknowledgment first.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC } from 'vnet'
import type { ReceiveBuffer, ReceiveWindow } from './receive.ts'
import type { Rtt } from './rtt.ts'

const DELAY_MIN = 40 * NSEC_PER_MSEC
const DELAY_MAX = 200 * NSEC_PER_MSEC
const TICK = NSEC_PER_MSEC
const MAX_QUICK = 16
/** The size of segments that Linux assumes before it has seen some, and the least that counts. */
const ASSUMED_SEGMENT = 536
const FULL_SEGMENT_MIN = 516
/** At most one acknowledgment of invalid segments in this time (tcp_invalid_ratelimit). */
const INVALID_INTERVAL = 500 * NSEC_PER_MSEC

/** The connection that acknowledges its received data. */
interface AcksOwner {
  readonly clock: Clock
  /** The size of full segments that the peer may send. */
  readonly mss: number
  readonly receive: ReceiveBuffer
  readonly window: ReceiveWindow
  readonly sender: { readonly rtt: Rtt }
  count(counter: string): void
  sendAck(): void
}

export class Acks {
  /** RCV.NXT in the last acknowledgment that was sent, and its window in bytes. */
  acknowledged = 0
  offered = 0
  /** The size of full segments of the peer, as received. */
  segment: number
  /** Whether data waits for an acknowledgment, and whether that must not be delayed. */
  #isPending = false
  #isUrgent = false
  /** Whether the peer pushed once, or again, since the last acknowledgment. */
  #isPushed = false
  #isPushedAgain = false
  /** Whether the user writes after each read, so that data can carry acknowledgments. */
  #isInteractive = false
  readonly #connection: AcksOwner
  #alarm: Alarm | undefined
  #isArmed = false
  /** How many acknowledgments are still sent without a delay. */
  #quick = 0
  /** The delay of the others; 0 before the first data. */
  #delay = 0
  #receivedAt = 0
  #invalidAt = Number.NEGATIVE_INFINITY

  constructor(connection: AcksOwner) {
    this.#connection = connection
    this.segment = Math.min(ASSUMED_SEGMENT, connection.mss)
  }

  /** Notes a segment with data in order. */
  onData(length: number, isPush: boolean): void {
    if (length >= this.segment) {
      this.segment = Math.min(length, this.#connection.mss)
      if (isPush) {
        this.#isPushed = true
      }
    } else if (length >= FULL_SEGMENT_MIN && !isPush) {
      this.segment = length
    } else {
      this.#isPushedAgain ||= this.#isPushed
      this.#isPushed = true
    }
    this.#isPending = true
    const { clock, sender } = this.#connection
    const now = clock.now()
    const pause = now - this.#receivedAt
    const { timeout } = sender.rtt
    if (this.#delay === 0) {
      this.#addQuick()
      this.#delay = DELAY_MIN
    } else if (pause <= DELAY_MIN / 2) {
      this.#delay = this.#delay / 2 + DELAY_MIN / 2
    } else if (pause < this.#delay) {
      this.#delay = Math.min(this.#delay / 2 + pause, timeout)
    } else if (pause > timeout) {
      this.#addQuick()
    }
    this.#receivedAt = now
  }

  #addQuick(): void {
    const { receive, window } = this.#connection
    const quick = Math.max(Math.floor(window.left(receive.next) / (2 * this.segment)), 2)
    this.#quick = Math.max(this.#quick, Math.min(quick, MAX_QUICK))
  }

  /** Acknowledges immediately from now on: after duplicates and gaps. */
  enterQuick(): void {
    this.#addQuick()
    this.#isInteractive = false
    this.#delay = DELAY_MIN
  }

  /** The next `check` acknowledges. */
  demand(): void {
    this.#isPending = true
    this.#isUrgent = true
  }

  /** Notes the peer's FIN, which waits for an acknowledgment like data before a reply. */
  onFin(): void {
    this.#isPending = true
    this.#isInteractive = true
  }

  /** Acknowledges now, later, or not at all. */
  check(): void {
    if (!this.#isPending) return
    const { clock, receive, window } = this.#connection
    const isFull = receive.next - this.acknowledged > this.segment
    const isOpen =
      receive.unread === 0 ||
      window.choose(receive.next, receive.unread, this.segment) >= this.offered
    // Without data before it, a FIN does not wait.
    const isQuick = this.#isUrgent || this.#delay === 0 || (this.#quick > 0 && !this.#isInteractive)
    if ((isFull && isOpen) || isQuick || receive.hasGap) {
      this.#connection.sendAck()
    } else if (!this.#isArmed) {
      this.#alarm ??= clock.alarm(() => this.#onDelayed())
      this.#isArmed = true
      this.#alarm.at(clock.now() + this.#wait())
    }
  }

  /** Nanoseconds that an acknowledgment may wait. */
  #wait(): number {
    const { smoothed, least } = this.#connection.sender.rtt
    const most = smoothed > 0 ? Math.min(Math.max(smoothed, DELAY_MIN), DELAY_MAX) : DELAY_MAX
    // An acknowledgment that waits longer would cause a retransmission (tcp_delack_max).
    return Math.min(Math.max(this.#delay, DELAY_MIN), most, Math.max(least - TICK, TICK))
  }

  #onDelayed(): void {
    this.#isArmed = false
    if (this.#isInteractive) {
      this.#isInteractive = false
      this.#delay = DELAY_MIN
    } else {
      this.#delay = Math.min(this.#delay * 2, this.#connection.sender.rtt.timeout)
    }
    this.#connection.count('TcpExtDelayedACKs')
    this.#connection.sendAck()
  }

  /** Acknowledges what has waited for the user to read, and offers a window that has opened. */
  onRead(): void {
    const { receive, window } = this.#connection
    const isFull = receive.next - this.acknowledged > this.segment
    const isPushed = this.#isPushedAgain || (this.#isPushed && !this.#isInteractive)
    if (this.#isPending && (isFull || (isPushed && receive.unread === 0))) {
      this.#connection.sendAck()
      return
    }
    const left = window.left(receive.next)
    if (receive.isFinished || 2 * left > window.limit) return
    const next = window.choose(receive.next, receive.unread, this.segment)
    if (next > 0 && next >= 2 * left) {
      this.#connection.sendAck()
    }
  }

  /**
   * Whether to reply to an invalid segment without data now: at most twice a second, so that two
   * hosts do not reply to each other for ever.
   */
  mayAnswerInvalid(): boolean {
    const now = this.#connection.clock.now()
    if (now - this.#invalidAt < INVALID_INTERVAL) return false
    this.#invalidAt = now
    return true
  }

  /** The next invalid segment gets a reply. */
  allowInvalid(): void {
    this.#invalidAt = Number.NEGATIVE_INFINITY
  }

  /** Acknowledges an invalid segment, at most twice a second if it has no data (RFC 5961). */
  reject(hasData: boolean, isChallenge: boolean): void {
    if (!hasData && !this.mayAnswerInvalid()) return
    if (isChallenge) {
      this.#connection.count('TcpExtTCPChallengeACK')
    }
    this.#connection.sendAck()
  }

  /** Notes a segment that acknowledges everything before `next`. */
  onSent(next: number, hasData: boolean): void {
    this.acknowledged = next
    if (
      hasData &&
      this.#delay > 0 &&
      this.#connection.clock.now() - this.#receivedAt < this.#delay
    ) {
      this.#isInteractive = true
    }
    if (this.#quick > 0) {
      this.#quick--
      if (this.#quick === 0) {
        this.#delay = DELAY_MIN
      }
    }
    this.#isPending = false
    this.#isUrgent = false
    this.#isPushed = false
    this.#isPushedAgain = false
    this.cancel()
  }

  cancel(): void {
    if (!this.#isArmed) return
    this.#isArmed = false
    this.#alarm?.cancel()
  }
}
