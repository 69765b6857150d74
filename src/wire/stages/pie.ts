/**
 * PIE, "proportional integral controller enhanced" (RFC 8033). It drops packets that arrive, with a
 * probability that it corrects at each `tupdate` by how far the wait is from `target` and by how
 * much the wait has changed. The names are from the RFC's pseudocode (sec. 4 and 5). The wait is
 * measured on the first packet in the queue, from its time of arrival.
 *
 * Between two packets that arrive or leave, only the time changes. So the corrections that were due
 * are made when the next packet arrives or leaves, in the same way as by a timer.
 */
import { NSEC_PER_MSEC, NSEC_PER_SEC, UsageError } from '../../base/index.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { join } from '../units.ts'
import { markCe } from './ecn.ts'
import {
  type DisciplineKind,
  givenTimes,
  ParamDiscipline,
  printTimes,
  type QueueSpec,
  readTimes,
} from './queue.ts'

/** The defaults of RFC 8033, in ns. */
const TARGET = 15 * NSEC_PER_MSEC
const TUPDATE = 15 * NSEC_PER_MSEC
const MAX_BURST = 150 * NSEC_PER_MSEC
const NEVER = Number.POSITIVE_INFINITY
/** The shortest target and the shortest tupdate, in ns. */
const MIN = NSEC_PER_MSEC
/** Weights of the distance from the target and of the trend, in Hz, for a tupdate of 15 ms. */
const ALPHA = 0.125
const BETA = 1.25
/** A queue of at most two such packets is left alone, in bytes. */
const MEAN_PKTSIZE = 1500
/** With a larger probability packets are dropped, not marked. */
const MARK_ECNTH = 0.1

/** The options of pie(), RFC 8033. */
export interface PieOptions {
  /** The wait that PIE steers to, in ms or with a unit; default 15ms. */
  readonly target?: number | string
  /** Time between two corrections, in ms or with a unit; default 15ms. */
  readonly tupdate?: number | string
  /** Marks packets that are capable of ECN in place of dropping them, up to 10 %. */
  readonly ecn?: boolean
}

interface PieParams {
  readonly target: number
  readonly tupdate: number
  readonly ecn: boolean
}

class Pie extends ParamDiscipline<PieParams> {
  /** When the next correction is due; Infinity on an idle line. */
  #next = NEVER
  #dropProb = 0
  #accuProb = 0
  #burstAllowance = MAX_BURST
  #qdelayOld = 0

  override change(params: unknown): void {
    this.#correct()
    super.change(params)
  }

  /** Resets the spacing of drops, like a tail drop in the RFC's appendix A. */
  overflows(): void {
    this.#correct()
    this.#accuProb = 0
  }

  next(): SkBuff | undefined {
    this.#correct()
    return this.queue.shift()
  }

  arrives(skb: SkBuff): boolean {
    const now = this.#correct()
    if (this.#next === NEVER) {
      this.#next = now + this.params.tupdate
    }
    if (this.#burstAllowance !== 0 || !this.#dropsEarly()) return true
    if (this.params.ecn && this.#dropProb <= MARK_ECNTH && markCe(skb)) {
      this.queue.env.note('mark', skb)
      return true
    }
    this.queue.refuse(skb, 'pie')
    return false
  }

  /** The RFC's `drop_early`. */
  #dropsEarly(): boolean {
    const isShort = this.#qdelayOld < this.params.target / 2 && this.#dropProb < 0.2
    if (isShort || this.queue.bytes <= 2 * MEAN_PKTSIZE) return false
    if (this.#dropProb === 0) {
      this.#accuProb = 0
    }
    this.#accuProb += this.#dropProb
    if (this.#accuProb < 0.85) return false
    if (this.#accuProb < 8.5 && this.queue.env.random.next() >= this.#dropProb) return false
    this.#accuProb = 0
    return true
  }

  #correct(): number {
    const now = this.queue.env.clock.now()
    const { target, tupdate } = this.params
    while (this.#next <= now) {
      this.#update(this.#next)
      // On a line that stands still nothing changes any more.
      if (
        this.#dropProb === 1 &&
        this.#qdelayOld > target &&
        this.#burstAllowance === 0 &&
        this.#next <= now
      ) {
        this.#next += Math.floor((now - this.#next) / tupdate) * tupdate
      }
    }
    return now
  }

  #update(now: number): void {
    const { target, tupdate } = this.params
    const qdelay = this.queue.waitOfFirst(now)
    const before = this.#dropProb
    const { alpha, beta } = weightsOf(tupdate)
    let p = (alpha * (qdelay - target) + beta * (qdelay - this.#qdelayOld)) / NSEC_PER_SEC
    p /= scaleOf(before)
    if (before >= 0.1 && p > 0.02) {
      p = 0.02
    }
    let prob = before + p
    if (qdelay === 0 && this.#qdelayOld === 0) {
      prob *= 0.98
    }
    this.#dropProb = Math.min(1, Math.max(0, prob))
    const isIdle = this.#dropProb === 0 && qdelay < target / 2 && this.#qdelayOld < target / 2
    this.#burstAllowance = isIdle ? MAX_BURST : Math.max(0, this.#burstAllowance - tupdate)
    this.#qdelayOld = qdelay
    this.#next = isIdle && this.queue.length === 0 ? NEVER : now + tupdate
  }
}

/**
 * Returns the weights for another time between corrections: half the time halves alpha, and adds a
 * quarter of alpha to beta (sec. 4.2). So beta + alpha / 2 remains the same.
 */
function weightsOf(tupdate: number): { readonly alpha: number; readonly beta: number } {
  const alpha = (ALPHA * tupdate) / TUPDATE
  return { alpha, beta: Math.max(0, BETA + (ALPHA - alpha) / 2) }
}

/** Returns the divisor of a correction, which is large while the probability is small. */
function scaleOf(dropProb: number): number {
  if (dropProb < 0.000001) return 2048
  if (dropProb < 0.00001) return 512
  if (dropProb < 0.0001) return 128
  if (dropProb < 0.001) return 32
  if (dropProb < 0.01) return 8
  return dropProb < 0.1 ? 2 : 1
}

type PieSpec = Partial<PieParams> & Pick<PieParams, 'ecn'>

export const pieKind: DisciplineKind<PieSpec> = {
  read: c => ({ ...readTimes(c, { target: '15ms', tupdate: '15ms' }), ecn: c.takes('ecn') }),
  print: ({ target, tupdate, ecn }) => join(['pie', printTimes({ target, tupdate }), ecn && 'ecn']),
  build: queueOf,
}

function queueOf(spec: PieSpec): QueueSpec {
  const params: PieParams = { target: TARGET, tupdate: TUPDATE, ...spec }
  for (const name of ['target', 'tupdate'] as const) {
    if (params[name] < MIN) throw new UsageError(`pie: ${name} must be at least 1ms`)
  }
  return { kind: 'pie', params, make: queue => new Pie(params, queue) }
}

/** Returns PIE as the queue of a rate or a trace. Throws a UsageError. */
export function pie({ ecn = false, target, tupdate }: PieOptions = {}): QueueSpec {
  return queueOf({ ecn, ...givenTimes({ target, tupdate }) })
}
