/**
 * DualPI2, the dual-queue coupled AQM of RFC 9332: a queue for L4S packets, from senders that set
 * ECT(1), and a queue for classic ones. A proportional integral controller steers the longer wait
 * of both queues to `target`. Classic packets are dropped, or marked if capable, with the square of
 * its probability, L4S packets are marked with twice the probability, or when they waited longer
 * than `step`. The names are from the RFC's pseudocode (appendix A).
 *
 * The L4S packet goes first unless the first classic packet has waited longer by more than TSHIFT.
 * In overload, when L4S packets are all marked, both queues drop alike.
 */
import { NSEC_PER_MSEC, UsageError } from '../../base/index.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { HeldPackets } from '../held.ts'
import { join } from '../units.ts'
import type { PacketStore } from './delay-queue.ts'
import { ecnOf, markCe } from './ecn.ts'
import {
  type DisciplineKind,
  givenTimes,
  ParamDiscipline,
  printTimes,
  type QueueSpec,
  readTimes,
} from './queue.ts'

/** The defaults of RFC 9332, in ns. */
const TARGET = 15 * NSEC_PER_MSEC
const STEP = NSEC_PER_MSEC
const RTT_MAX = 100 * NSEC_PER_MSEC
const TSHIFT = 50 * NSEC_PER_MSEC
const NEVER = Number.POSITIVE_INFINITY
const COUPLING = 2
/** Packets in the L4S queue up to which the step marks none: one packet may take longer alone. */
const TH_LEN = 1
/** The shortest target, in ns: it sets the time between two corrections. */
const MIN_TARGET = NSEC_PER_MSEC

/** The options of dualpi2(), RFC 9332. */
export interface DualPi2Options {
  /** The wait that the queues are steered to, in ms or with a unit; default 15ms. */
  readonly target?: number | string
  /**
   * The wait from which all L4S packets are marked if more than one follows, in ms or with a unit;
   * default 1ms.
   */
  readonly step?: number | string
}

interface DualPi2Params {
  readonly target: number
  readonly step: number
}

class HalfQueue {
  readonly held = new HeldPackets()
  #count = 0

  /** Returns true for a share `likelihood` of the calls, evenly spaced (the RFC's `recur`). */
  recurs(likelihood: number): boolean {
    this.#count += likelihood
    if (this.#count <= 1) return false
    this.#count -= 1
    return true
  }

  /** How long its first packet has waited, in ns; 0 without one. */
  wait(now: number): number {
    return this.held.length === 0 ? 0 : now - this.held.first
  }
}

class DualStore implements PacketStore {
  readonly lq = new HalfQueue()
  readonly cq = new HalfQueue()

  get length(): number {
    return this.lq.held.length + this.cq.held.length
  }

  get first(): number {
    return Math.min(this.lq.held.first, this.cq.held.first)
  }

  add(skb: SkBuff, moment: number): void {
    // ECT(1), and CE of unknown origin.
    const half = (ecnOf(skb) & 1) === 1 ? this.lq : this.cq
    half.held.add(skb, moment)
  }

  shift(): SkBuff | undefined {
    const { lq, cq } = this
    return (lq.held.first <= cq.held.first ? lq : cq).held.shift()
  }

  each(fn: (skb: SkBuff) => void): void {
    this.lq.held.each(fn)
    this.cq.held.each(fn)
  }
}

class DualPi2 extends ParamDiscipline<DualPi2Params> {
  readonly store = new DualStore()
  /** When the next correction is due, as in pie.ts; Infinity on an idle line. */
  #next = NEVER
  /** The base probability p'. */
  #p = 0
  #prevq = 0

  override change(params: unknown): void {
    this.#correct()
    super.change(params)
  }

  arrives(): boolean {
    const now = this.#correct()
    if (this.#next === NEVER) {
      this.#next = now + this.#tupdate
    }
    return true
  }

  next(): SkBuff | undefined {
    const { lq, cq } = this.store
    const now = this.#correct()
    const pC = this.#p ** 2
    const pCL = Math.min(1, COUPLING * this.#p)
    while (this.store.length !== 0) {
      const isL =
        lq.held.length !== 0 && (cq.held.length === 0 || lq.wait(now) + TSHIFT >= cq.wait(now))
      const half = isL ? lq : cq
      const wait = half.wait(now)
      const skb = this.#take(half)
      if (skb === undefined) return undefined
      if (isL ? this.#passesL(skb, wait, pC, pCL) : this.#passesC(skb, pC, pCL)) return skb
    }
    return undefined
  }

  /** Marks a packet of the L queue, or drops it and returns false. */
  #passesL(skb: SkBuff, wait: number, pC: number, pCL: number): boolean {
    const { lq } = this.store
    const isOverloaded = pCL === 1
    if (isOverloaded && lq.recurs(pC)) {
      this.queue.drop(skb, 'dualpi2')
      return false
    }
    const isNative = wait >= this.params.step && lq.held.length > TH_LEN && !isOverloaded
    if (lq.recurs(isNative ? 1 : pCL) && markCe(skb)) {
      this.queue.env.note('mark', skb)
    }
    return true
  }

  /** Marks a packet of the classic queue, or drops it and returns false. */
  #passesC(skb: SkBuff, pC: number, pCL: number): boolean {
    if (!this.store.cq.recurs(pC)) return true
    if (pCL === 1 || !markCe(skb)) {
      this.queue.drop(skb, 'dualpi2')
      return false
    }
    this.queue.env.note('mark', skb)
    return true
  }

  #take(half: HalfQueue): SkBuff | undefined {
    const { first } = half.held
    const skb = half.held.shift()
    if (skb === undefined) return undefined
    this.queue.arrived = first
    this.queue.bytes -= skb.len
    return skb
  }

  get #tupdate(): number {
    return Math.min(this.params.target, RTT_MAX / 3)
  }

  /** Makes the corrections that were due. Returns the present. */
  #correct(): number {
    const now = this.queue.env.clock.now()
    while (this.#next <= now) {
      this.#update(this.#next)
      // On a line that stands still nothing changes any more.
      if (this.#p === 1 && this.#prevq > this.params.target && this.#next <= now) {
        this.#next += Math.floor((now - this.#next) / this.#tupdate) * this.#tupdate
      }
    }
    return now
  }

  #update(now: number): void {
    const { target } = this.params
    const tupdate = this.#tupdate
    // Of both: L4S packets alone may overload the line (A.2).
    const curq = Math.max(this.store.cq.wait(now), this.store.lq.wait(now))
    const alpha = (0.1 * tupdate) / RTT_MAX ** 2
    const beta = 0.3 / RTT_MAX
    const p = this.#p + alpha * (curq - target) + beta * (curq - this.#prevq)
    this.#p = Math.min(1, Math.max(0, p))
    this.#prevq = curq
    const isIdle = this.store.length === 0 && this.#p === 0 && curq === 0
    this.#next = isIdle ? NEVER : now + tupdate
  }
}

export const dualpi2Kind: DisciplineKind<Partial<DualPi2Params>> = {
  read: c => readTimes(c, { target: '15ms', step: '1ms' }),
  print: ({ target, step }) => join(['dualpi2', printTimes({ target, step })]),
  build: queueOf,
}

function queueOf(spec: Partial<DualPi2Params>): QueueSpec {
  const params: DualPi2Params = { target: TARGET, step: STEP, ...spec }
  if (params.target < MIN_TARGET) throw new UsageError('dualpi2: target must be at least 1ms')
  return { kind: 'dualpi2', params, make: queue => new DualPi2(params, queue) }
}

/** Returns DualPI2 as the queue of a rate or a trace. Throws a UsageError. */
export function dualpi2({ target, step }: DualPi2Options = {}): QueueSpec {
  return queueOf(givenTimes({ target, step }))
}
