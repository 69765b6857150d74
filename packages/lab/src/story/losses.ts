/** Losses: transmissions that were repeated, or that never reached the capture, and why. */
import type { Packet, Transmission } from './transmissions.ts'

/**
 * A transmission that was repeated, and what later packets show about it. Half adds one when the
 * repetition passes the capture, and Losses decides about it. Times are ns of the capture. Bytes
 * count from the SYN, which is 0.
 */
export interface Loss {
  /** The repeated bytes are those from `start` to before `end`. */
  readonly start: number
  readonly end: number
  /** The transmission; if it never reached the capture, the packet that showed its gap. */
  readonly first: Transmission
  /** The repetition. */
  readonly again: Packet
  /** When the receiver was heard last, before the repetition; NaN if never. */
  readonly heard: number
  /** Whether it was lost between its sender and the capture, which has a gap in its place. */
  readonly isBefore: boolean
  /** Whether duplicate ACKs or SACK blocks had reported its gap before the repetition. */
  readonly isReported: boolean
  /** How long packets waited in queues then, in ns: the last round trip without the shortest. */
  readonly waited: number
  /** For `passed`: the number of that ACK among the receiver's ACKs without data, otherwise 0. */
  readonly ack: number
  /**
   * `open`: nothing has acknowledged its bytes yet; `lost`: it did not arrive; `late`: it came
   * after its repetition; `needless`: it had arrived; `passed`: its ACK passed the capture before
   * the repetition.
   */
  verdict: 'open' | 'lost' | 'late' | 'needless' | 'passed'
  /** When it was acknowledged, or came late; NaN until then. */
  settled: number
  /** The frame of the packet that settled it; 0 without one. */
  settledFrame: number
  /** Whether the last ACK before the repetition was about its bytes. */
  readonly isLast: boolean
  /** Whether perhaps another copy of it was lost. */
  isUnsure: boolean
  /** Whether only the time of its ACK showed that it had arrived. */
  isByTime: boolean
  /** Whether the receiver reported that its repetition was a duplicate. */
  isDuplicate: boolean
}

/** The acknowledgements of the receiver, up to the packet that is judged. */
interface Receiver {
  /** The end of the acknowledged bytes. */
  readonly acked: number
  /** The same before that packet. */
  readonly before: number
  /** The shortest round trip to it, in ns. */
  readonly trip: number
  /** Whether it has sent SACK blocks. */
  readonly hasSack: boolean
  /** Whether both ends permit SACK, so that the receiver would report a duplicate. */
  readonly canSack: boolean
  isSacked(loss: Loss): boolean
}

/** A packet with the timestamp that it echoes. */
type Echoing = Packet & { readonly echo: number }

/** The evidence about a loss in the packet that acknowledges it. */
interface Ack {
  /**
   * What its timestamp echoes: the first copy, the repetition, or a packet after that. `none`
   * without timestamps, if both copies have the same one, or if the bytes are in a SACK block.
   */
  readonly echoed: 'none' | 'first' | 'again' | 'later'
  /** Whether it came so soon after the repetition that it is not of the repetition. */
  readonly isEarly: boolean
  /** Whether it acknowledges earlier bytes, too, and the receiver sends no SACK. */
  readonly coversMore: boolean
}

const LOSSES_MAX = 512
/** An ACK that comes within this share of the shortest round trip is not of the repetition. */
const EARLY = 0.9

export const isLost = ({ verdict }: Loss): boolean => verdict === 'lost' || verdict === 'open'

/** Whether the time between two packets is too short for the later one to reply to the other. */
const isWithinTrip = (from: number, to: number, trip: number): boolean =>
  Number.isFinite(trip) && to - from < EARLY * trip

function readAck(loss: Loss, p: Echoing, receiver: Receiver): Ack {
  const isAcked = loss.end <= receiver.acked
  return {
    echoed: isAcked ? echoedBy(p, loss) : 'none',
    isEarly: isWithinTrip(loss.again.time, p.time, receiver.trip),
    coversMore: isAcked && !receiver.hasSack && loss.start > receiver.before,
  }
}

function echoedBy(p: Echoing, { first, again }: Loss): Ack['echoed'] {
  if (p.stamp < 0 || first.stamp < 0 || again.stamp === first.stamp) return 'none'
  const ticks = (p.echo - again.stamp) | 0
  if (ticks < 0) return 'first'
  return ticks === 0 ? 'again' : 'later'
}

/** Whether the first copy had arrived, so that its repetition was needless. */
function hadArrived(
  { isBefore, start, first, again }: Loss,
  { echoed, isEarly, coversMore }: Ack,
  { before, trip }: Receiver,
): boolean {
  if (isBefore || echoed === 'again' || echoed === 'later') return false
  // A delayed ACK echoes the first segment that it covers. So the echo of the first copy shows that
  // this copy arrived only if no byte before the loss is new.
  const isEchoed = echoed === 'first' && before >= start
  // The sender cannot know of the loss so soon, and both ACKs come at nearly the same time.
  const isSoon = isWithinTrip(first.time, again.time, trip)
  // Without SACK, bytes after the first gap had arrived if the ACK covers them with it.
  return isEarly || isEchoed || coversMore || isSoon
}

/** Whether the capture does not show which copy arrived. */
function isUncertain(
  { isBefore, isReported, start }: Loss,
  { echoed }: Ack,
  { before, trip, hasSack, canSack }: Receiver,
): boolean {
  if (isBefore) return false
  // Neither copy is echoed, or the echo of the first gap says nothing about this loss.
  if (echoed === 'later' || (!hasSack && start > before)) return true
  // Only the time shows which copy arrived, or whether the SYN or its reply was lost.
  const isByTimeAlone = start === 0 || !Number.isFinite(trip) || !(canSack || isReported)
  return echoed === 'none' && isByTimeAlone
}

export class Losses {
  readonly list: Loss[] = []
  /** The number of losses beyond LOSSES_MAX, which are not in the list. */
  more = 0
  #open = 0

  get hasOpen(): boolean {
    return this.#open > 0
  }

  add(loss: Loss): void {
    if (this.list.length >= LOSSES_MAX) {
      this.more++
      return
    }
    this.list.push(loss)
    if (loss.verdict === 'open') {
      this.#open++
    }
  }

  /**
   * Decides about repetitions that packet `p` acknowledges: the echoed timestamp shows which
   * transmission has arrived (RFC 3522), or the time of the ACK.
   */
  judge(p: Echoing, receiver: Receiver): void {
    for (let i = this.list.length - 1, left = this.#open; i >= 0 && left > 0; i--) {
      const loss = this.list[i]
      if (loss.verdict !== 'open') continue
      left--
      if (loss.end <= receiver.acked || receiver.isSacked(loss)) {
        this.#decide(loss, p, receiver)
      }
    }
  }

  /**
   * Sets the verdict of an open loss that packet `p` acknowledges: `needless` if the first copy had
   * arrived, otherwise `lost`. It is unsure if the capture does not show which.
   */
  #decide(loss: Loss, p: Echoing, receiver: Receiver): void {
    const ack = readAck(loss, p, receiver)
    loss.isUnsure ||= isUncertain(loss, ack, receiver)
    loss.isByTime = ack.echoed === 'none' && ack.isEarly && !ack.coversMore
    this.#settle(loss, hadArrived(loss, ack, receiver) ? 'needless' : 'lost', p)
  }

  /**
   * Takes the report that the bytes from `start` to `end` arrived twice (RFC 2883): of each, the
   * latest repetition that was not reported before was needless. Others that count as lost become
   * unsure.
   */
  duplicate(p: Packet, start: number, end: number): void {
    const done = new Set<number>()
    for (const loss of this.list.toReversed()) {
      const isOther = loss.start < start || loss.start >= end || loss.isBefore
      if (isOther || loss.isDuplicate || done.has(loss.start)) continue
      loss.isDuplicate = true
      done.add(loss.start)
      if (isLost(loss)) {
        this.#settle(loss, 'needless', p)
      }
    }
    for (const loss of this.list) {
      if (isLost(loss) && done.has(loss.start)) {
        loss.isUnsure = true
      }
    }
  }

  /** Decides again by time, with the shortest round trip of the whole connection. */
  judgeAgain(trip: number): void {
    for (const loss of this.list) {
      const isEarly = isWithinTrip(loss.again.time, loss.settled, trip)
      if (loss.verdict === 'needless' && loss.isByTime && !isEarly) {
        loss.verdict = 'lost'
      } else if (loss.verdict === 'lost' && loss.start === 0 && loss.isUnsure && isEarly) {
        loss.verdict = 'needless'
      }
    }
  }

  /** Takes the first copy of the bytes from `n`, which passes the capture after its repetition. */
  late(p: Packet, n: number): void {
    const loss = this.list.findLast(({ start, isBefore }) => start === n && isBefore)
    if (loss !== undefined) {
      this.#settle(loss, 'late', p)
    }
  }

  #settle(loss: Loss, verdict: Loss['verdict'], { time, frame }: Packet): void {
    if (loss.verdict === 'open') {
      this.#open--
    }
    loss.verdict = verdict
    loss.settled = time
    loss.settledFrame = frame
  }
}
