/**
 * The timers of a sender: the retransmission timeout (RFC 6298), the probes of a closed window (RFC
 * 9293 sec. 3.8.6.1), the loss probe and the time for reordering (RFC 8985). One of them runs at a
 * time, as in Linux.
 */
import { type Alarm, NSEC_PER_MSEC } from 'vnet'
import { giveUpTime, RTO_MAX, RTO_MIN } from './rtt.ts'
import type { Sender } from './send.ts'

/** tcp_retries2, and the retries after `close` while the timeout is short (tcp_orphan_retries). */
const RETRIES = 15
const ORPHAN_RETRIES = 8
/** The delay of a loss probe, added to two round trips: two ticks. */
const PROBE_SLACK = 8 * NSEC_PER_MSEC

type Timer = 'none' | 'resend' | 'window-probe' | 'loss-probe' | 'reorder'

export class Retransmission {
  readonly #sender: Sender
  readonly #alarm: Alarm
  #timer: Timer = 'none'
  /** Timeouts in a row, and when the first repetition was sent; 0 without one. */
  #timeouts = 0
  #resentAt = 0
  /** Window probes without an acknowledgment, and how often their interval was doubled. */
  #probes = 0
  #probeBackoff = 0
  /** The end of the data at the last loss probe; -1 without one. */
  #probedAt = -1
  #isProbeNew = false

  constructor(sender: Sender) {
    this.#sender = sender
    this.#alarm = sender.connection.clock.alarm(() => this.#ring())
  }

  #arm(timer: Timer, delay: number): void {
    this.#timer = timer
    this.#alarm.at(this.#sender.connection.clock.now() + delay)
  }

  cancel(): void {
    if (this.#timer === 'none') return
    this.#timer = 'none'
    this.#alarm.cancel()
  }

  #armResend(): void {
    this.#arm('resend', this.#sender.rtt.timeout)
  }

  /** Arms the timeout, which counts from the last transmission of the first segment in flight. */
  #armAgedResend(): void {
    const { board, connection, rtt } = this.#sender
    if (board.head === undefined) return
    this.#arm(
      'resend',
      Math.max(board.head.sentAt + rtt.timeout - connection.clock.now(), NSEC_PER_MSEC),
    )
  }

  /** Notes new segments. `wasIdle`: nothing else is in flight. */
  onSent(wasIdle: boolean): void {
    if (wasIdle || this.#timer === 'none') {
      this.#armProbeOrResend(0)
    } else if (this.#timer === 'loss-probe') {
      const { head } = this.#sender.board
      this.#armProbeOrResend(this.#sender.connection.clock.now() - (head?.sentAt ?? 0))
    }
  }

  /** Notes a repetition. `isHead`: the first segment in flight is sent again. */
  onResent(now: number, isHead: boolean): void {
    if (this.#resentAt === 0) {
      this.#resentAt = now
    }
    if (isHead || this.#timer === 'none') {
      this.#armResend()
    }
  }

  /** Data waits for the window of the peer, and nothing is in flight. */
  onBlocked(): void {
    if (this.#timer === 'none') {
      this.#arm('window-probe', this.#windowProbeTime)
    }
  }

  /** Notes an acknowledgment, before it changes the sender. */
  onAck(hasProgress: boolean): void {
    this.#probes = 0
    if (hasProgress) {
      this.#timeouts = 0
      this.#resentAt = 0
    }
  }

  /** Sets the timer after an acknowledgment. `wait` is the time for reordering, or 0. */
  rearm(hasProgress: boolean, wait: number): void {
    const { board, window, hasUnsent } = this.#sender
    if (board.packets === 0) {
      if (this.#timer === 'window-probe' && window === 0 && hasUnsent) {
        this.#arm('window-probe', this.#windowProbeTime)
      } else {
        this.#probeBackoff = 0
        this.cancel()
      }
    } else if (wait > 0) {
      this.#arm('reorder', wait)
    } else if (hasProgress) {
      this.#armProbeOrResend(0)
    }
  }

  /**
   * Ends a loss probe. If it repaired a loss, which no duplicate denies, the congestion window is
   * reduced (RFC 8985 sec. 7.4).
   */
  endProbe(isDuplicate: boolean): void {
    const { una, congestion } = this.#sender
    if (this.#probedAt < 0 || una < this.#probedAt) return
    const isPast = una > this.#probedAt
    if (isPast && !this.#isProbeNew && !isDuplicate && congestion.state === 'open') {
      congestion.halve()
    }
    if (isPast || this.#isProbeNew || isDuplicate) {
      this.#probedAt = -1
    }
  }

  /** Arms the loss probe (RFC 8985 sec. 7.2), or else the timeout of a segment of this age. */
  #armProbeOrResend(age: number): void {
    const { board, congestion, hasSack, connection, rtt } = this.#sender
    const mayProbe =
      hasSack &&
      connection.host.options.hasLossProbes &&
      congestion.state === 'open' &&
      board.sacked === 0
    if (!mayProbe || this.#probedAt >= 0 || rtt.smoothed === 0) {
      this.#armResend()
      return
    }
    const slack = board.packets === 1 ? rtt.least : PROBE_SLACK
    this.#arm('loss-probe', Math.max(Math.min(2 * rtt.smoothed + slack, rtt.timeout - age), 0))
  }

  #ring(): void {
    const timer = this.#timer
    this.#timer = 'none'
    if (timer === 'resend') {
      this.#onTimeout()
    } else if (timer === 'window-probe') {
      this.#probeWindow()
    } else if (timer === 'loss-probe') {
      this.#probeLoss()
    } else if (timer === 'reorder') {
      this.#onReorderTime()
    }
  }

  #onTimeout(): void {
    const { board, congestion, hasSack, next, connection, rtt } = this.#sender
    if (board.packets === 0) return
    const now = connection.clock.now()
    if (this.#isExpired(now)) {
      connection.giveUp()
      return
    }
    if (!hasSack) {
      board.dropDuplicates()
    }
    this.#probedAt = -1
    board.markAllLost()
    congestion.enterLoss(next, board.inFlight)
    connection.count('TcpExtTCPTimeouts')
    this.#timeouts++
    rtt.backoff++
    this.#sender.resendFirst(now)
    this.#armResend()
  }

  /** Takes back the last doubling of the timeout, which may have passed then (RFC 6069 sec. 4). */
  revertBackoff(): void {
    const { board, connection, rtt } = this.#sender
    if (this.#timeouts === 0 || rtt.backoff === 0 || board.head === undefined) return
    rtt.backoff--
    const left = board.head.sentAt + rtt.timeout - connection.clock.now()
    if (left > 0) {
      this.#arm('resend', left)
    } else {
      this.#onTimeout()
    }
  }

  #isExpired(now: number): boolean {
    const { connection, rtt } = this.#sender
    if (this.#timeouts === 0) return false
    let retries = RETRIES
    if (connection.isOrphan) {
      retries = rtt.timeout < RTO_MAX ? ORPHAN_RETRIES : 0
    }
    return now - this.#resentAt >= giveUpTime(retries)
  }

  get #windowProbeTime(): number {
    return Math.min(Math.max(this.#sender.rtt.timeout, RTO_MIN) * 2 ** this.#probeBackoff, RTO_MAX)
  }

  #probeWindow(): void {
    const { board, hasUnsent, connection } = this.#sender
    if (board.packets > 0 || !hasUnsent) return
    const isLong = this.#windowProbeTime >= RTO_MAX
    const mostOfOrphan = isLong ? 0 : ORPHAN_RETRIES
    const most = connection.isOrphan ? mostOfOrphan : RETRIES
    if (this.#probes >= most) {
      connection.giveUp()
      return
    }
    this.#probes++
    if (this.#sender.probe('TcpExtTCPWinProbe')) {
      this.#armResend()
    } else {
      if (this.#probeBackoff < RETRIES) {
        this.#probeBackoff++
      }
      this.#arm('window-probe', this.#windowProbeTime)
    }
  }

  /** Sends a new segment, or the last one again, so that an acknowledgment shows what is lost. */
  #probeLoss(): void {
    const { board, next, connection } = this.#sender
    if (board.packets === 0) return
    const probe = this.#sender.sendProbe(connection.clock.now())
    if (probe === undefined) {
      this.#armAgedResend()
      return
    }
    connection.count('TcpExtTCPLossProbes')
    this.#probedAt = next
    this.#isProbeNew = probe === 'new'
    this.#armResend()
  }

  /** Segments without an acknowledgement while others could be reordered are lost. */
  #onReorderTime(): void {
    const wait = this.#sender.detectLost(this.#sender.connection.clock.now())
    this.#sender.push()
    if (wait > 0) {
      this.#arm('reorder', wait)
    } else {
      this.#armAgedResend()
    }
  }
}
