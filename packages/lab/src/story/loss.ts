/** Loss: a transmission that its sender repeated, or that never reached the capture. */
import type { Half } from './half.ts'
import type { Packet } from './transmissions.ts'

export interface Loss {
  readonly start: number
  readonly end: number
  readonly copy: number
  /** When it passed the capture; without it, when its gap was seen. */
  readonly time: number
  readonly frame: number
  readonly stamp: number
  /** The repetition. */
  readonly again: Packet
  /** When the other end was heard last, before the repetition. */
  readonly heard: number
  /** Whether it was lost before the capture. */
  readonly isBefore: boolean
  /** Whether the repetition is for a gap that the receiver reported. */
  readonly isReported: boolean
  /** How long packets waited in queues then, in ns. */
  readonly waited: number
  /**
   * `late`: it came after its repetition; `needless`: it had arrived; `passed`: its ACK passed the
   * capture before the repetition.
   */
  verdict: 'open' | 'lost' | 'late' | 'needless' | 'passed'
  /** When it was acknowledged, or came late; NaN until then. */
  settled: number
  settledFrame: number
  /** Whether perhaps another copy of it was lost. */
  isUnsure: boolean
  /** The ACK that passed before the repetition: its number, or 0. */
  ack: number
}

/** An ACK that comes within this share of the shortest round trip is not of the repetition. */
const EARLY = 0.9

/**
 * Decides about a repetition that is acknowledged: the echoed timestamp shows which transmission
 * has arrived (RFC 3522); without one, an ACK that comes too early for the repetition.
 */
export function judge(loss: Loss, half: Half, time: number, echo: number, hadStart: boolean): 'lost' | 'needless' {
  const { stamp, again, isBefore } = loss
  if (isBefore) return 'lost'
  if (echo >= 0 && stamp >= 0 && again.stamp !== stamp) {
    // A delayed ACK echoes a segment before it. An older echo is of an earlier copy.
    const isOfAgain = ((echo - again.stamp) | 0) >= 0
    return isOfAgain || !hadStart ? 'lost' : 'needless'
  }
  return time - again.time < EARLY * half.rtt.min ? 'needless' : 'lost'
}
