/**
 * Stage: one impairment in a chain, with its counters. It counts packets that enter the stage, and
 * packets that leave it by its outlet. The impairment reports the rest through WireEnv.
 */
import type { Clock, Random } from '../base/index.ts'
import type { DecisionLog } from '../netdev/device-wire.ts'
import {
  SKB_DROP_REASON_COPIES,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_WIRE_LOSS,
} from '../skb/drop-reason.ts'
import { OWNER_STAGE, OWNER_WIRE, type SkBuff, skbPanic } from '../skb/index.ts'
import { packetsOf, type SharedLimit } from './held.ts'
import { Lateness } from './lateness.ts'
import type {
  Direction,
  Impairment,
  Limit,
  LimitSpec,
  NotedVerdict,
  Wire,
  WireEnv,
} from './wire.ts'
import type { WireClock } from './wire-clock.ts'

/**
 * The chain, as its stages use it: Chain makes stages with itself as the owner. Calls without a
 * comment are WireEnv's, which has their contract: Stage checks the ownership of the packet and
 * counts it, and the chain does the rest.
 */
export interface StageOwner {
  readonly direction: Direction
  readonly clock: WireClock
  readonly log: DecisionLog | undefined
  /** Drops a packet for a drop reason: stage `by` has decided so, and names its cause `why`. */
  drop(skb: SkBuff, reason: number, by: Stage, why: string): void
  /** Cuts a GSO frame into packets and pushes them to `to`. Drops it whole if that fails. */
  cut(skb: SkBuff, to: Wire): void
  /** Counts one more frame that is made of `skb`. Returns false if it may not become more. */
  another(skb: SkBuff): boolean
  /** As in WireEnv, but a packet for which no memory is left is not dropped: Stage does that. */
  hold(skb: SkBuff): boolean
  alloc(size: number, skb: SkBuff): SkBuff | undefined
  turn(skb: SkBuff): void
  reply(skb: SkBuff): void
  inject(skb: SkBuff): void
  /** Logs an exception of a stage, rate-limited. */
  failed(stage: string, error: unknown): void
  /** Returns the first wire of the stages of a branch, which lead to `to`. */
  inner(branch: string, stages: readonly Impairment[], to: Wire): Wire
  limit(spec: LimitSpec): SharedLimit
}

/** A literal, because counting in a copy of another object is slower. */
const newStats = () => {
  const drops = new Map<string, number>()
  return { in: 0, out: 0, dropped: 0, duplicated: 0, corrupted: 0, reordered: 0, marked: 0, drops }
}

export class Stage implements Wire, WireEnv {
  /** In packets. */
  readonly stats = newStats()
  /** Set for a stage that holds packets for a time. */
  lateness: Lateness | undefined
  impairment: Impairment
  readonly stage: string
  /** The stage that it lies in and the branch of it, `match then`; empty at the top. */
  readonly path: string
  readonly random: Random
  /** Behind the stage. A change of the chain sets it. */
  next: Wire
  /** The limits of held packets, since the stage was made or changed. */
  limits: readonly SharedLimit[] = []
  /** True after a change, until the stage requests a limit, which replaces the earlier ones. */
  #replacesLimits = false
  #hasInner = false
  readonly #owner: StageOwner
  readonly #wire: Wire
  /** The packet that is being pushed, until the stage hands it on, drops it or holds it. */
  #pushed: SkBuff | undefined

  constructor(
    owner: StageOwner,
    impairment: Impairment,
    name: string,
    path: string,
    random: Random,
    next: Wire,
  ) {
    this.#owner = owner
    this.impairment = impairment
    this.stage = name
    this.path = path
    this.random = random
    this.next = next
    this.#wire = impairment({ push: skb => this.#out(skb) }, this)
  }

  get direction(): Direction {
    return this.#owner.direction
  }

  get clock(): Clock {
    return this.#owner.clock
  }

  get held(): number {
    const { in: entered, out, dropped, duplicated } = this.stats
    return entered + duplicated - out - dropped
  }

  /** Forgets what happened before: only the packets that it holds count as arrived. */
  forgetCounts(): void {
    Object.assign(this.stats, newStats(), { in: this.held })
  }

  push(skb: SkBuff): void {
    if (skb.gsoSize !== 0 && this.impairment.takesGso !== true) {
      // It was in flight when a change added this stage.
      this.#owner.cut(skb, this)
      return
    }
    this.stats.in += packetsOf(skb)
    const before = this.#pushed
    this.#pushed = skb
    try {
      this.#wire.push(skb)
    } catch (error) {
      // An exception costs this packet, if the stage still has it, and no other.
      if (this.#pushed === skb && skb.owner === OWNER_STAGE) {
        this.drop(skb, 'exception')
      }
      this.#owner.failed(this.stage, error)
    }
    this.#pushed = before
  }

  close(): void {
    this.#run(() => this.#wire.close?.())
  }

  retire(): void {
    this.#run(() => this.#wire.retire?.())
  }

  /** Returns a function that takes over another impairment's parameters; undefined if it cannot. */
  change(impairment: Impairment): (() => void) | undefined {
    // The stages inside it are to be found again even if nothing changes.
    if (isSame(impairment, this.impairment) && !this.#hasInner) return () => {}
    const { params } = impairment
    const update = params === undefined ? undefined : this.#wire.change?.(params)
    if (update === undefined) return undefined
    return () => {
      this.#replacesLimits = true
      this.impairment = impairment
      this.#run(update)
    }
  }

  advance(): void {
    this.#owner.clock.advance()
  }

  drop(
    skb: SkBuff,
    why: string,
    reason = why === 'closed' ? SKB_DROP_REASON_DEV_STOPPED : SKB_DROP_REASON_WIRE_LOSS,
  ): void {
    this.#release(skb, this.drop)
    const n = packetsOf(skb)
    this.stats.dropped += n
    this.stats.drops.set(why, (this.stats.drops.get(why) ?? 0) + n)
    if (this.#owner.log !== undefined) {
      this.decided('drop', skb, undefined, why)
    }
    // A GSO frame that passed whole is one frame for its device.
    this.#owner.drop(skb, reason, this, why)
  }

  duplicate(skb: SkBuff): SkBuff | undefined {
    const copy = skb.copy()
    if (copy === undefined) return undefined
    copy.owner = skb.owner
    this.decided('duplicate', skb)
    const isTaken = this.#owner.another(skb)
    copy.family = skb.family
    this.stats.duplicated += packetsOf(skb)
    skb.dev?.countMade?.(skb, 1)
    if (isTaken) return copy
    this.drop(copy, 'copies', SKB_DROP_REASON_COPIES)
    return undefined
  }

  note(verdict: NotedVerdict, skb: SkBuff, amount?: number): void {
    const n = packetsOf(skb)
    if (verdict === 'corrupt') {
      this.stats.corrupted += n
    } else if (verdict === 'reorder') {
      this.stats.reordered += n
    } else {
      this.stats.marked += n
    }
    this.decided(verdict, skb, amount)
  }

  decided(verdict: string, skb: SkBuff, amount?: number, why?: string): void {
    const { log } = this.#owner
    log?.decision(this.direction, this.clock.now(), skb.packetId, this.stage, verdict, amount, why)
  }

  hold(skb: SkBuff): boolean {
    if (this.#owner.hold(skb)) {
      if (skb === this.#pushed) {
        this.#pushed = undefined
      }
      return true
    }
    this.drop(skb, 'memory', SKB_DROP_REASON_NOMEM)
    return false
  }

  timed(): void {
    this.lateness ??= new Lateness()
  }

  alloc(size: number, skb: SkBuff): SkBuff | undefined {
    return this.#owner.alloc(size, skb)
  }

  inject(skb: SkBuff): void {
    if (this.#isTaken(skb)) {
      this.#owner.inject(skb)
    }
  }

  turn(skb: SkBuff): void {
    this.#release(skb, this.turn)
    this.stats.out += packetsOf(skb)
    this.#owner.turn(skb)
  }

  reply(skb: SkBuff): void {
    if (this.#isTaken(skb)) {
      this.#owner.reply(skb)
    }
  }

  /** Counts a frame that the stage made. Drops it if its cause may not become more. */
  #isTaken(skb: SkBuff): boolean {
    if (this.#owner.another(skb)) return true
    skb.owner = OWNER_STAGE
    this.stats.duplicated += packetsOf(skb)
    skb.dev?.countMade?.(skb, 1)
    this.drop(skb, 'copies', SKB_DROP_REASON_COPIES)
    return false
  }

  inner(branch: string, stages: readonly Impairment[]): Wire {
    this.#hasInner = true
    const behind: Wire = { push: skb => this.next.push(skb) }
    const first = this.#owner.inner(`${this.path}${this.stage} ${branch} `, stages, behind)
    return {
      push: skb => {
        this.#release(skb, this.#out)
        this.stats.out += packetsOf(skb)
        first.push(skb)
      },
    }
  }

  limit(spec: LimitSpec): Limit {
    const limit = this.#owner.limit(spec)
    if (this.#replacesLimits) {
      this.limits = []
    }
    this.#replacesLimits = false
    this.limits = [...this.limits, limit]
    return limit
  }

  #run(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#owner.failed(this.stage, error)
    }
  }

  #out(skb: SkBuff): void {
    this.#release(skb, this.#out)
    const n = packetsOf(skb)
    this.stats.out += n
    this.lateness?.add(this.#owner.clock.late, n)
    this.next.push(skb)
  }

  /** Takes a packet from the stage. Throws if the stage does not own it. */
  #release(skb: SkBuff, by: (skb: SkBuff, why: string) => void): void {
    if (skb.owner === OWNER_WIRE) {
      skb.owner = OWNER_STAGE
    } else if (skb.owner !== OWNER_STAGE) {
      throw skbPanic(`${this.stage}: a packet that it does not own`, by)
    }
    if (skb === this.#pushed) {
      this.#pushed = undefined
    }
  }
}

function isSame(a: Impairment, b: Impairment): boolean {
  return a === b || (a.source !== undefined && a.source === b.source && a.text === b.text)
}
