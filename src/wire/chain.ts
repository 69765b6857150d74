/**
 * Chain: the wire of one direction, made of stages. A packet gets a number when it arrives, passes
 * the stages in order, and leaves to the receiver's device. If any stage needs packets, the chain
 * cuts GSO frames into packets before the first stage, and the receiver merges them again
 * (`onPackets`). Otherwise GSO frames pass whole, and count as the packets that they stand for.
 *
 * A change keeps every stage that has the same kind and ordinal as before (StageSet). A removed
 * stage passes on its held packets as before.
 */
import { type Clock, NSEC_PER_MSEC } from '../base/clock.ts'
import { skbGsoSegment } from '../netdev/gso.ts'
import type { DecisionLog, FrameProbe, StageReport, WireDrop, WireSide } from '../netdev/index.ts'
import {
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_WIRE_LOSS,
} from '../skb/drop-reason.ts'
import { handedOn, OWNER_HOLDER, OWNER_STAGE } from '../skb/error.ts'
import type { SkBuffPool } from '../skb/pool.ts'
import type { Ring } from '../skb/ring.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { Copies } from './copies.ts'
import { packetsOf, type SharedLimit } from './held.ts'
import type { Stage, StageOwner } from './stage.ts'
import { StageSet } from './stage-set.ts'
import type { Direction, Impairment, LimitSpec, Wire } from './wire.ts'
import { WireClock } from './wire-clock.ts'

const FORMER_MAX = 100

/** The difference between packets and the GSO frames that they were. */
export type Extra = Readonly<{ packets: number; bytes: number }>

/**
 * The surroundings of a Chain, for its whole life. The pool, the ring and both ends remain the
 * caller's.
 */
export interface ChainOptions {
  readonly direction: Direction
  readonly side?: WireSide | undefined
  readonly seed: number
  readonly clock: Clock
  readonly pool: SkBuffPool
  /** An empty ring for the segments of a frame, used by this chain only. */
  readonly segments: Ring
  /** Takes the packets that leave the last stage. */
  readonly end: Wire
  /** Leads back to the sender, past every stage. */
  readonly back: Wire
  readonly log?: DecisionLog | undefined
  /** Drops a frame; by default it is dropped on the sending device. */
  readonly drop?: ((skb: SkBuff, reason: number) => void) | undefined
  /** Called when the chain starts to cut GSO frames, and when it lets them pass whole again. */
  readonly onPackets?: (packets: boolean) => void
  /** Called when a packet arrives and the chain has neither stages nor packets. */
  readonly onIdle?: () => void
  /** Called with an error that a stage throws. */
  readonly failed?: (stage: string, error: unknown) => void
}

/**
 * The stages of one direction and the packets in them. Its sender pushes; close() drops all packets
 * that it holds.
 */
export class Chain implements Wire, StageOwner {
  readonly direction: Direction
  readonly clock: WireClock
  readonly log: DecisionLog | undefined
  readonly #options: ChainOptions
  readonly #stages: StageSet
  /** Removed stages that are not empty yet, in the order in which packets pass them. */
  #retired: Stage[] = []
  readonly #end: Wire
  #first: Wire
  #cutsGso = false
  #lastId = 0
  #extraPackets = 0
  #extraBytes = 0
  /**
   * The number of the last frame that a stage made: odd in one direction and even in the other,
   * because replies and injected frames of the other direction arrive at the same device.
   */
  #lastMade: number
  #closed = false
  #copies: Copies | undefined
  /** The most small slots that the limits allowed so far. */
  #asked = 0
  /** Small slots that the pool has granted. */
  #grown = 0
  #limits: readonly SharedLimit[] = []
  /** Drops by reason, of removed stages and of packets that reached no stage. */
  readonly #drops = new Map<string, number>()
  #duplicated = 0
  #seed: number
  /** Reports of stages that were replaced and had dropped packets, by their text. */
  readonly #former = new Map<string, StageReport>()
  #fromProbe: FrameProbe | undefined
  #toProbe: FrameProbe | undefined

  constructor(options: ChainOptions) {
    this.#options = options
    this.direction = options.direction
    this.log = options.log
    this.#lastMade = options.direction === 'ab' ? -1 : 0
    const failed = (error: unknown) => this.failed('alarm', error)
    this.clock = new WireClock(options.clock, failed, skb => this.#arrive(skb))
    this.#end = { push: skb => this.#leave(skb) }
    this.#seed = options.seed
    this.#stages = new StageSet(this, options.seed)
    this.#first = this.#end
  }

  /** True if the chain has stages, packets in removed stages, or a probe. */
  get busy(): boolean {
    return (
      this.#first !== this.#end ||
      this.#retired.length !== 0 ||
      this.clock.waiting !== 0 ||
      this.#fromProbe !== undefined ||
      this.#toProbe !== undefined
    )
  }

  /** Has frames reported to the probes of the sending and the receiving device. */
  setProbes(from: FrameProbe | undefined, to: FrameProbe | undefined): void {
    this.#fromProbe = from
    this.#toProbe = to
  }

  push(skb: SkBuff): void {
    if (skb.owner < OWNER_HOLDER) throw handedOn(skb.owner, this.push, 'wire push')
    skb.owner = OWNER_STAGE
    if (this.#retired.length !== 0) {
      this.#forgetEmpty()
    }
    if (this.#closed) {
      this.#drop(skb, 'closed', SKB_DROP_REASON_DEV_STOPPED)
    } else if (
      this.#first !== this.#end ||
      this.#retired.length !== 0 ||
      this.clock.waiting !== 0
    ) {
      this.clock.arrive(skb)
    } else {
      if (this.#fromProbe === undefined && this.#toProbe === undefined) {
        this.#options.onIdle?.()
      }
      this.clock.advance()
      this.#enter(skb)
    }
  }

  /** Replaces the stages; none changes if an impairment throws. Does nothing after `close`. */
  set(stages: readonly Impairment[], text = ''): void {
    if (this.#closed) return
    this.clock.settle()
    const { first, gone } = this.#stages.replace(stages, this.#end)
    this.#first = first
    this.log?.set(this.direction, this.clock.now(), text, this.#seed, this.#options.side)
    this.#retired.push(...gone)
    this.#growPool()
    const packets = this.#stages.all.some(({ impairment }) => impairment.takesGso !== true)
    if (packets !== this.#cutsGso) {
      this.#options.onPackets?.(packets)
    }
    this.#cutsGso = packets
    // Last, because the packets that they pass on may change the chain again.
    for (const stage of gone) {
      stage.retire()
    }
    this.#forgetEmpty()
  }

  /**
   * Forgets the counts of removed stages, and makes later stages draw from a new seed. Call it only
   * without stages: after `set([])`. The numbers of packets continue.
   */
  restart(seed: number): void {
    this.#seed = seed
    this.#stages.reseed(seed)
    for (const stage of this.#retired) {
      stage.forgetCounts()
    }
    this.#former.clear()
    this.#drops.clear()
    this.#duplicated = 0
    this.#extraPackets = 0
    this.#extraBytes = 0
  }

  /** Reports every stage in the order of the text, then removed stages that hold packets. */
  report(): StageReport[] {
    return [...this.#stages.all, ...this.#retired.filter(({ held }) => held > 0)].map(reportOf)
  }

  /**
   * Drops by reason that `report` does not show: after the end, of GSO frames that could not be
   * cut, and by removed stages that are now empty.
   */
  get drops(): Readonly<Record<string, number>> {
    this.#collect()
    return Object.fromEntries(this.#drops)
  }

  /** What GSO frames have become more by being cut: packets, and bytes of their headers. */
  get extra(): Extra {
    return { packets: this.#extraPackets, bytes: this.#extraBytes }
  }

  get duplicated(): number {
    this.#collect()
    return this.#duplicated
  }

  /** Drops the packets that the stages hold, and all later packets. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    // Removed stages first: they may pass on their held packets.
    for (const stage of [...this.#retired, ...this.#stages.all]) {
      stage.close()
    }
    this.clock.close(skb => this.#drop(skb, 'closed', SKB_DROP_REASON_DEV_STOPPED))
    this.#options.pool.growSmall(-this.#grown)
    this.#grown = 0
  }

  inner(path: string, stages: readonly Impairment[], to: Wire): Wire {
    return this.#stages.inner(path, stages, to)
  }

  limit(spec: LimitSpec): SharedLimit {
    return this.#stages.limit(spec)
  }

  drop(skb: SkBuff, reason: number, by?: Stage, why = ''): void {
    const probe = this.#fromProbe ?? this.#toProbe
    if (probe !== undefined) {
      probe.time = this.clock.now()
      if (by !== undefined) {
        probe.cause = this.#causeOf(by, why, skb)
      }
    }
    skb.owner = OWNER_STAGE
    const { drop } = this.#options
    if (drop === undefined) {
      skb.drop(reason)
    } else {
      drop(skb, reason)
    }
    if (probe === undefined) return
    probe.time = Number.NaN
    probe.cause = undefined
  }

  cut(skb: SkBuff, to?: Wire): void {
    const { segments } = this.#options
    const { dev, packetId, family, len } = skb
    const packets = packetsOf(skb)
    const n = skbGsoSegment(skb, segments, true)
    if (n < 0) {
      this.#count(-n === SKB_DROP_REASON_NOMEM ? 'memory' : 'gso', packets)
      this.drop(skb, -n)
      return
    }
    this.#extraPackets += n - 1
    this.#extraBytes -= len
    for (
      let i = 0, segment = segments.shift();
      segment !== undefined;
      i++, segment = segments.shift()
    ) {
      segment.owner = OWNER_STAGE
      this.#extraBytes += segment.len
      if (segments.length !== 0) {
        dev?.countMade?.(segment, 1)
      }
      segment.packetId = packetId + i
      segment.family = family
      if (to === undefined) {
        this.clock.follow(segment)
      } else {
        to.push(segment)
      }
    }
  }

  another(skb: SkBuff): boolean {
    this.#copies ??= new Copies()
    this.clock.worked()
    return this.#copies.add(skb)
  }

  hold(skb: SkBuff): boolean {
    const { pool } = this.#options
    const { large, small } = pool
    skb.hold()
    // When half of the small slots are in use, each wire may use its share.
    if (skb.slotClass === small) {
      if (small.made - small.top <= small.count / 2) return true
      let frames = 0
      for (const limit of this.#limits) {
        frames += limit.frames
      }
      return frames < this.#grown + pool.smallShare
    }
    // Reads need large slots, from the share of their device. A wire may use half of both.
    const { account } = skb
    if (account !== undefined && account.used > account.quota / 2) return false
    return large.made - large.top <= large.count / 2
  }

  alloc(size: number, skb: SkBuff): SkBuff | undefined {
    const made = this.#options.pool.alloc(size)
    if (made === undefined) return undefined
    made.dev = skb.dev
    made.queueMapping = skb.queueMapping
    this.#lastMade += 2
    made.packetId = -this.#lastMade
    this.#copies ??= new Copies()
    made.family = this.#copies.familyOf(skb)
    return made
  }

  turn(skb: SkBuff): void {
    this.#pushTo(this.#options.back, this.#fromProbe, skb)
  }

  reply(skb: SkBuff): void {
    skb.dev?.countMade?.(skb, 1)
    this.#pushTo(this.#options.back, this.#fromProbe, skb)
  }

  inject(skb: SkBuff): void {
    skb.dev?.countMade?.(skb, 1)
    this.#end.push(skb)
  }

  failed(stage: string, error: unknown): void {
    this.#options.failed?.(stage, error)
  }

  /**
   * Grows the pool to the small slots that the limits of all stages allow, until the end. It does
   * not request refused slots again: each request may take half of the reserve.
   */
  #growPool(): void {
    this.#limits = [...new Set(this.#stages.all.flatMap(stage => stage.limits))]
    let packets = 0
    for (const { mostPackets } of this.#limits) {
      packets += mostPackets
    }
    if (packets > this.#asked) {
      this.#grown += this.#options.pool.growSmall(packets - this.#asked)
      this.#asked = packets
    }
  }

  /** An empty stage remains while an earlier one may still push packets to it. */
  #forgetEmpty(): void {
    if (this.#retired[0]?.held === 0) {
      this.#collect()
    }
    while (this.#retired[0]?.held === 0) {
      this.#retired.shift()?.close()
    }
  }

  #arrive(skb: SkBuff): void {
    skb.owner = OWNER_STAGE
    if (skb.gsoSize === 0 || !this.#cutsGso) {
      this.#enter(skb)
    } else {
      this.cut(skb)
    }
  }

  #enter(skb: SkBuff): void {
    skb.packetId = this.#lastId + 1
    skb.family = 0
    this.#lastId += packetsOf(skb)
    this.log?.arrival(this.direction, this.clock.now(), skb.packetId, skb)
    const probe = this.#fromProbe
    if (probe !== undefined) {
      const { time } = probe
      probe.time = this.clock.now()
      probe.transmitted(skb)
      probe.time = time
    }
    this.#first.push(skb)
  }

  /** Hands a packet to the receiver. Exceptions of the receiver are not blamed on a stage. */
  #leave(skb: SkBuff): void {
    try {
      this.#pushTo(this.#options.end, this.#toProbe, skb)
    } catch (error) {
      if (skb.owner === OWNER_STAGE) {
        this.#drop(skb, 'exception', SKB_DROP_REASON_WIRE_LOSS)
      }
      this.failed('receiver', error)
    }
  }

  /** Pushes a frame to the device of a probe, which records it with the time of the wire. */
  #pushTo(wire: Wire, probe: FrameProbe | undefined, skb: SkBuff): void {
    // The receiver may push its own frames past the same probe.
    const time = probe?.time ?? Number.NaN
    if (probe !== undefined) {
      probe.time = this.clock.now()
    }
    try {
      wire.push(skb)
    } finally {
      if (probe !== undefined) {
        probe.time = time
      }
    }
  }

  #causeOf({ stage, impairment }: Stage, why: string, { packetId: packet }: SkBuff): WireDrop {
    const { direction, side } = this.#options
    const place = this.#stages.all.findIndex(each => each.stage === stage) + 1
    const { kind = stage, text = stage } = impairment
    return { direction, side, place, kind, text, why, seed: this.#seed, packet }
  }

  /** Reports of replaced, empty stages that hit packets; stages of one text are one report. */
  get former(): readonly StageReport[] {
    this.#collect()
    return [...this.#former.values()]
  }

  /** Takes over the counts of removed stages that are empty. */
  #collect(): void {
    for (const stage of this.#retired) {
      if (stage.held !== 0) continue
      remember(stage, this.#former)
      addAll(this.#drops, stage.stats.drops)
      this.#duplicated += stage.stats.duplicated
      stage.forgetCounts()
    }
  }

  #drop(skb: SkBuff, why: string, reason: number): void {
    this.#count(why, packetsOf(skb))
    this.drop(skb, reason)
  }

  #count(why: string, packets: number): void {
    this.#drops.set(why, (this.#drops.get(why) ?? 0) + packets)
  }
}

function remember(stage: Stage, former: Map<string, StageReport>): void {
  const { dropped, duplicated, corrupted, reordered, marked } = stage.stats
  if (dropped + duplicated + corrupted + reordered + marked === 0) return
  const { late: _, ...report } = reportOf(stage)
  const key = `${report.path}${report.text}`
  const before = former.get(key)
  // A scenario may set any number of texts.
  if (before === undefined && former.size >= FORMER_MAX) return
  former.set(key, before === undefined ? report : sumOf(before, report))
}

function addAll(sums: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [key, n] of counts) {
    sums.set(key, (sums.get(key) ?? 0) + n)
  }
}

function reportOf({
  stage,
  path,
  direction,
  impairment,
  held,
  stats,
  lateness,
}: Stage): StageReport {
  return {
    stage,
    path,
    direction,
    text: impairment.text ?? stage,
    held,
    holds: impairment.holds === true,
    ...stats,
    drops: Object.fromEntries(stats.drops),
    ...(lateness !== undefined && {
      late: {
        p50: inMs(lateness.quantile(0.5)),
        p99: inMs(lateness.quantile(0.99)),
        counts: lateness.counts().map(([ns, packets]) => [inMs(ns), packets] as const),
      },
    }),
  }
}

function sumOf(a: StageReport, b: StageReport): StageReport {
  const counts = (
    ['in', 'out', 'dropped', 'duplicated', 'corrupted', 'reordered', 'marked'] as const
  ).map(key => [key, a[key] + b[key]] as const)
  const drops = new Map(Object.entries(a.drops))
  addAll(drops, new Map(Object.entries(b.drops)))
  return { ...a, ...Object.fromEntries(counts), drops: Object.fromEntries(drops) }
}

const inMs = (ns: number): number => ns / NSEC_PER_MSEC
