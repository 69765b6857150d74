/**
 * PacketQueue: packets that wait for their turn, in order, within a limit. It is the queue before a
 * rate or a trace. Its discipline decides which packets are dropped or marked:
 *
 *     tail    a packet that exceeds the limit is dropped, as `limit`
 *     head    the oldest packets are dropped to make room for it, as `head`
 *     red     red.ts: packets that arrive are dropped or marked at random, as `red`
 *     codel   codel.ts: packets that waited too long are dropped or marked, as `codel`
 *     fq_codel  fq-codel.ts: CoDel for each flow by itself
 *     pie     pie.ts: packets that arrive are dropped or marked at random, as `pie`
 *     dualpi2   dualpi2.ts: L4S packets have a queue of their own
 *
 * RED, CoDel, PIE and DualPI2 drop packets over the limit like tail drop. No discipline has an
 * alarm: in virtual time it would ring for ever on a link that sends nothing more.
 */
import { type Alarm, durationOf, formatDuration } from '../../base/index.ts'
import {
  SKB_DROP_REASON_QDISC_CONGESTED,
  SKB_DROP_REASON_QDISC_OVERLIMIT,
} from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { Cursor } from '../grammar/cursor.ts'
import { HeldPackets } from '../held.ts'
import { join } from '../units.ts'
import { type LimitSpec, type QueueEnv, StageWire, type Wire } from '../wire.ts'
import type { AGAIN } from '../wire-clock.ts'
import { LimitedQueue, type PacketStore } from './delay-queue.ts'

/** Decides which packets of a queue are dropped or marked. */
export interface Discipline {
  /** Keeps the packets; without it the queue keeps them in their order. */
  readonly store?: PacketStore
  /** Drops packets, if that makes room for one that exceeds the limit. */
  makeRoom?(skb: SkBuff): void
  /** A packet arrived and is dropped, because it exceeds the limit. */
  overflows?(): void
  /** A packet arrived that fits. Returns false if the discipline dropped it. */
  arrives?(skb: SkBuff): boolean
  /** Takes the next packet, by `queue.shift`; undefined if the queue is empty. */
  next?(): SkBuff | undefined
  /** Called when the queue has nothing more to send. */
  idle?(): void
  change?(params: unknown): void
}

/** A discipline with parameters, which a change replaces. */
export abstract class ParamDiscipline<P, Q = PacketQueue> implements Discipline {
  protected params: P
  protected readonly queue: Q

  constructor(params: P, queue: Q) {
    this.params = params
    this.queue = queue
  }

  change(params: unknown): void {
    this.params = params as P
  }
}

/** A discipline with parameters: made by red(), codel() and their like. */
export interface QueueSpec {
  readonly kind: 'red' | 'codel' | 'fq_codel' | 'pie' | 'dualpi2'
  readonly params: unknown
  make(queue: PacketQueue): Discipline
}

export type QueueKind = 'tail' | 'head' | QueueSpec

/** A kind of discipline, like a StageKind. `S` is its spec. */
export interface DisciplineKind<S = unknown> {
  read(c: Cursor): S
  print(spec: S): string
  /** Returns the queue. Its defaults may depend on its limit. */
  build(spec: S, limit: LimitSpec): QueueKind
}

export interface QueueParams {
  readonly limit: LimitSpec
  readonly queue: QueueKind
}

/** Returns the parameters of a queue: by default 1000 packets and tail drop. */
export function queueParams(
  limit: LimitSpec = { packets: 1000 },
  queue: QueueKind = 'tail',
): QueueParams {
  return { limit, queue }
}

type Times<K extends string> = { [key in K]?: number }

/** Reads durations, each after its keyword, in any order. `examples` has one for each keyword. */
export function readTimes<K extends string>(
  c: Cursor,
  examples: Readonly<Record<K, string>>,
): Times<K> {
  const keywords = Object.keys(examples) as K[]
  const times: Times<K> = {}
  for (;;) {
    const key = keywords.find(each => c.takes(each))
    if (key === undefined) return times
    times[key] = c.duration(`${key} needs a time: ${key} ${examples[key]}`)
  }
}

/** Returns the times that a program gave, in ms or with a unit, in ns. */
export function givenTimes<K extends string>(
  times: Readonly<Record<K, number | string | undefined>>,
): Times<K> {
  const given: Times<K> = {}
  for (const [key, time] of Object.entries(times) as [K, number | string | undefined][]) {
    if (time !== undefined) {
      given[key] = durationOf(time)
    }
  }
  return given
}

/** Returns the text of the durations that are set: `target 5ms interval 100ms`. */
export function printTimes(times: Readonly<Record<string, number | undefined>>): string {
  return join(
    Object.entries(times).map(([key, ns]) => ns !== undefined && `${key} ${formatDuration(ns)}`),
  )
}

export class PacketQueue extends LimitedQueue<PacketStore> {
  /** Bytes that wait. A packet that was taken does not count. */
  bytes = 0
  /** Time in ns that the stage needs to send a byte. */
  byteTime = 0
  /** When the packet that left the queue last had arrived. */
  arrived = 0
  /** The packet that was taken and has not left; it counts toward the limit. */
  taken: SkBuff | undefined
  /** When the packet that was taken last had arrived. */
  takenArrived = 0
  #kind: QueueKind
  #discipline: Discipline

  constructor({ limit, queue }: QueueParams, env: QueueEnv) {
    super(limit, env, new HeldPackets())
    this.#kind = queue
    this.#discipline = this.#disciplineOf(queue)
    this.held = this.#discipline.store ?? this.held
  }

  /** Returns how long the first packet has waited, in ns; 0 without one. */
  waitOfFirst(now: number): number {
    return this.length === 0 ? 0 : now - this.held.first
  }

  get isEmpty(): boolean {
    return this.taken === undefined && this.length === 0
  }

  push(skb: SkBuff): boolean {
    const discipline = this.#discipline
    if (!this.admits(skb)) {
      // Its own packets are not all that counts toward the limit, and a packet may exceed it alone.
      if (this.admits(skb, this)) {
        discipline.makeRoom?.(skb)
      }
      if (!this.admits(skb)) {
        discipline.overflows?.()
        this.env.drop(skb, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
        return false
      }
    }
    if (!this.env.hold(skb)) return false
    if (discipline.arrives?.(skb) === false) return false
    this.add(skb, this.env.clock.now())
    this.bytes += skb.len
    return true
  }

  /** Takes the next packet, if there is one and the packet before has left. */
  take(): SkBuff | undefined {
    if (this.taken !== undefined) return undefined
    const discipline = this.#discipline
    const skb = discipline.next === undefined ? this.shift() : discipline.next()
    if (skb === undefined) {
      discipline.idle?.()
    }
    this.taken = skb
    this.takenArrived = this.arrived
    return skb
  }

  leave(): SkBuff {
    const skb = this.taken as SkBuff
    this.taken = undefined
    this.release(skb)
    return skb
  }

  override shift(): SkBuff | undefined {
    if (this.length === 0) return undefined
    this.arrived = this.held.first
    const skb = this.held.shift() as SkBuff
    this.bytes -= skb.len
    return skb
  }

  /** For a discipline: drops a packet that arrived. */
  refuse(skb: SkBuff, why: string): void {
    this.env.drop(skb, why, SKB_DROP_REASON_QDISC_CONGESTED)
  }

  /** For a discipline: drops a packet that it took. */
  drop(skb: SkBuff, why: string, reason = SKB_DROP_REASON_QDISC_CONGESTED): void {
    this.release(skb)
    this.env.drop(skb, why, reason)
  }

  change({ limit, queue }: QueueParams): void {
    this.changeLimit(limit, this.taken)
    if (
      typeof queue === 'object' &&
      typeof this.#kind === 'object' &&
      queue.kind === this.#kind.kind
    ) {
      this.#discipline.change?.(queue.params)
    } else {
      this.#discipline = this.#disciplineOf(queue)
      this.#moveTo(this.#discipline.store)
    }
    this.#kind = queue
  }

  #moveTo(store: PacketStore | undefined): void {
    const before = this.held
    if (store === undefined && before instanceof HeldPackets) return
    this.held = store ?? new HeldPackets()
    for (
      let { first } = before, skb = before.shift();
      skb !== undefined;
      { first } = before, skb = before.shift()
    ) {
      this.held.add(skb, first)
    }
  }

  override close(): void {
    if (this.taken !== undefined) {
      this.env.drop(this.leave(), 'closed')
    }
    super.close()
  }

  #disciplineOf(queue: QueueKind): Discipline {
    if (typeof queue === 'object') return queue.make(this)
    return queue === 'tail' ? {} : { makeRoom: skb => this.#dropHead(skb) }
  }

  #dropHead(skb: SkBuff): void {
    while (this.length !== 0 && !this.admits(skb)) {
      this.drop(this.shift() as SkBuff, 'head', SKB_DROP_REASON_QDISC_OVERLIMIT)
    }
  }
}

/** A running stage with a queue, which packets leave when an alarm rings. */
export abstract class QueueWire<P extends QueueParams> extends StageWire<P, QueueEnv> {
  protected readonly queue: PacketQueue
  protected readonly alarm: Alarm

  constructor(params: P, next: Wire, env: QueueEnv) {
    super(params, next, env)
    this.queue = new PacketQueue(params, env)
    this.alarm = env.clock.alarm(() => this.ring())
    env.timed()
  }

  /** Returns AGAIN if more packets leave at this moment. */
  protected abstract ring(): typeof AGAIN | void

  protected override update(params: P): void {
    super.update(params)
    this.queue.change(params)
  }

  close(): void {
    this.alarm.cancel()
    this.queue.close()
  }
}
