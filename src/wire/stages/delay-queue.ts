/** Queues of held packets within a limit, which stages may share. */
import type { Alarm } from '../../base/clock.ts'
import { SKB_DROP_REASON_QDISC_OVERLIMIT } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { HeldPackets } from '../held.ts'
import type { Limit, LimitSpec, Packets, QueueEnv, Wire } from '../wire.ts'
import { AGAIN } from '../wire-clock.ts'

/** Packets with the moments at which they are due or arrived. */
export interface PacketStore {
  readonly length: number
  /** The moment of the packet that `shift` takes; Infinity without one. */
  readonly first: number
  add(skb: SkBuff, moment: number): void
  shift(): SkBuff | undefined
  each(fn: (skb: SkBuff) => void): void
}

/** Held packets and their limit. DueQueue and PacketQueue (queue.ts) decide when they leave. */
export class LimitedQueue<S extends PacketStore> {
  readonly env: QueueEnv
  protected held: S
  #limit: Limit

  constructor(limit: LimitSpec, env: QueueEnv, held: S) {
    this.env = env
    this.held = held
    this.#limit = env.limit(limit)
  }

  get length(): number {
    return this.held.length
  }

  /** True if `skb` fits, once the packets `without` have left. */
  admits(skb: SkBuff, without?: Packets): boolean {
    return this.#limit.admits(skb, without)
  }

  /** Holds a packet until `moment`. Returns false if it was dropped, as `limit` or `memory`. */
  protected hold(skb: SkBuff, moment: number): boolean {
    if (!this.#limit.admits(skb)) {
      this.env.drop(skb, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
      return false
    }
    if (!this.env.hold(skb)) return false
    this.add(skb, moment)
    return true
  }

  /** Holds a packet that fits and has left the memory that reads need. */
  protected add(skb: SkBuff, moment: number): void {
    this.#limit.add(skb)
    this.held.add(skb, moment)
  }

  /** Takes the first packet, which counts toward the limit until `release`. */
  shift(): SkBuff | undefined {
    return this.held.shift()
  }

  /** Stops counting a packet, which now leaves the stage. */
  protected release(skb: SkBuff): void {
    this.#limit.remove(skb)
  }

  /** Replaces the limit. The held packets and `taken` count toward the new one. */
  changeLimit(spec: LimitSpec, taken?: SkBuff): void {
    const limit = this.env.limit(spec)
    if (limit === this.#limit) return
    const move = (skb: SkBuff) => {
      this.#limit.remove(skb)
      limit.add(skb)
    }
    this.held.each(move)
    if (taken !== undefined) {
      move(taken)
    }
    this.#limit = limit
  }

  close(): void {
    for (let skb = this.shift(); skb !== undefined; skb = this.shift()) {
      this.release(skb)
      this.env.drop(skb, 'closed')
    }
  }
}

/** Packets that are passed on before the wire may yield. */
const PASSED = 4

/** Passes on the packets of a store, each at its moment, when the alarm rings. */
export class DueQueue<S extends PacketStore> extends LimitedQueue<S> {
  protected readonly alarm: Alarm
  readonly #next: Wire

  constructor(limit: LimitSpec, next: Wire, env: QueueEnv, held: S) {
    super(limit, env, held)
    this.#next = next
    this.alarm = env.clock.alarm(() => this.#pass())
  }

  /** Passes on a few packets that are due; the alarm rings again for others. */
  #pass(): typeof AGAIN | undefined {
    const now = this.env.clock.now()
    let hasThrown = true
    try {
      for (let n = 0; n < PASSED && this.held.first <= now; n++) {
        const skb = this.held.shift() as SkBuff
        this.release(skb)
        this.#next.push(skb)
      }
      hasThrown = false
    } finally {
      if (this.held.length !== 0 && (hasThrown || this.held.first > now)) {
        this.alarm.at(this.held.first)
      }
    }
    return this.held.first <= now ? AGAIN : undefined
  }
}

/** Passes on each packet at its own moment. */
export class DelayQueue extends DueQueue<HeldPackets> {
  constructor(limit: LimitSpec, next: Wire, env: QueueEnv) {
    super(limit, next, env, new HeldPackets())
  }

  /** When the last packet leaves; -Infinity without one. */
  get last(): number {
    return this.held.last
  }

  /** Passes a packet on at `moment`. Returns false if it was dropped, as `limit` or `memory`. */
  push(skb: SkBuff, moment: number): boolean {
    const { first } = this.held
    if (!this.hold(skb, moment)) return false
    if (moment < first) {
      this.alarm.at(moment)
    }
    return true
  }

  /** Like `push`, for a packet that another queue of the stage held. */
  takeOver(skb: SkBuff, moment: number): void {
    const { first } = this.held
    if (!this.admits(skb)) {
      this.env.drop(skb, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
      return
    }
    this.add(skb, moment)
    if (moment < first) {
      this.alarm.at(moment)
    }
  }
}
