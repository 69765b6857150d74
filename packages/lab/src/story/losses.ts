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

/** The acknowledgements of the receiver, with those of the packet that is judged. */
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

const LOSSES_MAX = 512
/** An ACK that comes within this share of the shortest round trip is not of the repetition. */
const EARLY = 0.9

export const isLost = ({ verdict }: Loss): boolean => verdict === 'lost' || verdict === 'open'

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
   * arrived, otherwise `lost`. What the capture cannot show makes it unsure.
   */
  #decide(loss: Loss, p: Echoing, { acked, before, trip, hasSack, canSack }: Receiver): void {
    const { first, again, isBefore, start, end } = loss
    const isAcked = end <= acked
    const hasEcho = isAcked && p.stamp >= 0 && first.stamp >= 0 && again.stamp !== first.stamp
    const ticks = (p.echo - again.stamp) | 0
    const isEchoed = hasEcho && ticks >= 0
    const isTripKnown = Number.isFinite(trip)
    const isEarly = p.time - again.time < EARLY * trip && isTripKnown
    // A delayed ACK echoes the first segment that it covers. So an older echo shows that the first
    // copy arrived only if the ACK is early, or if no byte before this loss is new.
    const isOfFirst = hasEcho ? !isEchoed && (isEarly || before >= start) : isEarly
    // Without SACK, bytes after the first gap had arrived if the ACK covers them with it.
    const isCovered = !hasSack && isAcked && start > before && !isEchoed
    // The echo is of a packet after the repetition, and so of neither copy.
    const isNewer = hasEcho && ticks > 0
    // Only the time shows which copy arrived, or whether the SYN or its reply was lost.
    const isUnclear = !hasEcho && (start === 0 || !isTripKnown || !(canSack || loss.isReported))
    // The sender cannot know of the loss so soon, and both ACKs come at nearly the same time.
    const isSoon = !isEchoed && again.time - first.time < EARLY * trip && isTripKnown
    loss.isUnsure ||= !isBefore && (isNewer || isUnclear || (!hasSack && start > before))
    loss.isByTime = !hasEcho && isEarly && !isCovered
    this.#settle(loss, !isBefore && (isOfFirst || isCovered || isSoon) ? 'needless' : 'lost', p)
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
      const isEarly = loss.settled - loss.again.time < EARLY * trip && Number.isFinite(trip)
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
