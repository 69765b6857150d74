/**
 * PacketQueue: packets that wait for their turn, in order, within a limit. It is what lies in front
 * of a rate or a trace. Its discipline decides which packets are dropped or marked:
 *
 *     tail    a packet that exceeds the limit is dropped, as `limit`
 *     head    the oldest packets are dropped to make room for it, as `head`
 *     red     red.ts: packets that arrive are dropped or marked at random, as `red`
 *     codel   codel.ts: packets that waited too long are dropped or marked, as `codel`
 *
 * RED and CoDel drop what exceeds the limit as tail drop does.
 */
import { UsageError } from '../../base/usage-error.ts'
import { SKB_DROP_REASON_QDISC_CONGESTED, SKB_DROP_REASON_QDISC_OVERLIMIT } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { HeldPackets } from '../held.ts'
import { formatSize } from '../units.ts'
import type { Limit, LimitSpec, WireEnv } from '../wire.ts'

/** Decides which packets of a queue are dropped or marked. */
export interface Discipline {
  /** A packet arrived. Returns false if the discipline dropped it. */
  arrives?(skb: SkBuff): boolean
  /** Takes the next packet, by `queue.shift`; undefined if the queue is empty. */
  next?(): SkBuff | undefined
  /** Called when the queue has nothing more to send. */
  idle?(): void
  /** Takes over parameters of the same kind. */
  change?(params: unknown): void
}

/** A discipline with parameters: made by red() and codel(). */
export interface QueueSpec {
  readonly kind: 'red' | 'codel'
  readonly words: string
  readonly params: unknown
  make(queue: PacketQueue): Discipline
}

export type QueueKind = 'tail' | 'head' | QueueSpec

/** What a stage with a queue is made of. */
export interface QueueParams {
  readonly limit: LimitSpec
  readonly queue: QueueKind
}

/** Returns the parameters of a queue: by default 1000 packets and tail drop. */
export function queueParams({ limit = { packets: 1000 }, queue = 'tail' }: Partial<QueueParams>): QueueParams {
  if (typeof queue === 'string' && queue !== 'tail' && queue !== 'head') {
    throw new UsageError(`queue '${queue}': tail, head, red(...) or codel(...)`)
  }
  return { limit, queue }
}

/** Returns the words of a queue, with a space in front; empty for the default. */
export function queueWords({ limit, queue }: QueueParams): string {
  const discipline = typeof queue === 'object' ? ` ${queue.words}` : queue === 'head' ? ' drophead' : ''
  const packets = limit.packets === undefined || limit.packets === 1000 ? '' : ` limit ${limit.packets}`
  const bytes = limit.bytes === undefined ? '' : ` limit ${formatSize(limit.bytes)}`
  return `${discipline}${packets}${bytes}`
}

export class PacketQueue {
  readonly env: WireEnv
  /** Bytes that wait. A packet that was taken does not count. */
  bytes = 0
  /** Time that the stage needs to send a byte, ns. */
  byteTime = 0
  /** When the packet that was taken last had arrived. */
  arrived = 0
  readonly #held = new HeldPackets()
  #limit: Limit
  #kind: QueueKind
  #discipline: Discipline

  constructor({ limit, queue }: QueueParams, env: WireEnv) {
    this.env = env
    this.#limit = env.limit(limit)
    this.#kind = queue
    this.#discipline = this.#disciplineOf(queue)
  }

  /** Packets that wait. */
  get length(): number {
    return this.#held.length
  }

  /** Adds a packet. Returns false if it was dropped. */
  push(skb: SkBuff): boolean {
    const limit = this.#limit
    if (this.#kind === 'head') {
      while (!limit.admits(skb) && this.#held.length !== 0) this.#drop(this.shift(), 'head')
    }
    if (this.#discipline.arrives?.(skb) === false) return false
    if (!limit.admits(skb)) {
      this.env.drop(skb, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
      return false
    }
    if (!this.env.hold(skb)) return false
    limit.add(skb)
    this.bytes += skb.len
    this.#held.add(skb, this.env.clock.now())
    return true
  }

  /**
   * Takes the next packet that the discipline lets pass; undefined if none is left. It counts
   * toward the limit until `release`.
   */
  take(): SkBuff | undefined {
    const discipline = this.#discipline
    const skb = discipline.next === undefined ? this.shift() : discipline.next()
    if (skb === undefined) discipline.idle?.()
    return skb
  }

  /** Ends the count of a packet that was taken, which now leaves the stage. */
  release(skb: SkBuff): void {
    this.#limit.remove(skb)
  }

  /** For a discipline: takes the first packet. */
  shift(): SkBuff | undefined {
    if (this.#held.length === 0) return undefined
    this.arrived = this.#held.first
    const skb = this.#held.shift() as SkBuff
    this.bytes -= skb.len
    return skb
  }

  /** For a discipline: drops a packet that arrived. */
  refuse(skb: SkBuff, why: string): void {
    this.env.drop(skb, why, SKB_DROP_REASON_QDISC_CONGESTED)
  }

  /** For a discipline: drops a packet that it took. */
  drop(skb: SkBuff, why: string): void {
    this.#limit.remove(skb)
    this.env.drop(skb, why, SKB_DROP_REASON_QDISC_CONGESTED)
  }

  /**
   * Takes over other parameters and keeps what it holds. `sending` was taken and has not left: it
   * counts toward the new limit too.
   */
  change({ limit, queue }: QueueParams, sending: SkBuff | undefined): void {
    const next = this.env.limit(limit)
    if (next !== this.#limit) {
      this.#held.each(skb => this.#move(skb, next))
      if (sending !== undefined) this.#move(sending, next)
      this.#limit = next
    }
    if (typeof queue === 'object' && typeof this.#kind === 'object' && queue.kind === this.#kind.kind) {
      this.#discipline.change?.(queue.params)
    } else {
      this.#discipline = this.#disciplineOf(queue)
    }
    this.#kind = queue
  }

  /** Drops everything. */
  close(): void {
    for (let skb = this.shift(); skb !== undefined; skb = this.shift()) {
      this.#limit.remove(skb)
      this.env.drop(skb, 'closed')
    }
  }

  #drop(skb: SkBuff | undefined, why: string): void {
    if (skb === undefined) return
    this.#limit.remove(skb)
    this.env.drop(skb, why, SKB_DROP_REASON_QDISC_OVERLIMIT)
  }

  #move(skb: SkBuff, to: Limit): void {
    this.#limit.remove(skb)
    to.add(skb)
  }

  #disciplineOf(queue: QueueKind): Discipline {
    return typeof queue === 'object' ? queue.make(this) : {}
  }
}
