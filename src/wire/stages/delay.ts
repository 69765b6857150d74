/**
 * delay: packets leave some time after they came. With jitter each packet draws its own delay.
 * `unordered` lets it leave after that delay even if packets before it are still held; `ordered`
 * makes it wait for them. As in netem, the default is unordered, and beside a rate ordered.
 */
import { durationOf, formatDuration, UsageError } from '../../base/index.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { Cursor } from '../grammar/cursor.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { formatShare, join, parseShare, shareOf, trimmed } from '../units.ts'
import {
  type Impairment,
  impairment,
  type LimitSpec,
  StageWire,
  type Wire,
  type WireEnv,
} from '../wire.ts'
import { CorrelatedEvents, CorrelatedUniform, copulaFor } from './correlated.ts'
import { DelayQueue } from './delay-queue.ts'
import type { Distribution } from './distribution.ts'
import {
  known,
  printDistribution,
  readDistribution,
  readTable,
  TABLE_FACTOR,
} from './distribution.ts'

/** The options of delay(). Without any, every packet takes the same time and the order remains. */
export interface DelayOptions {
  /** The spread of the delays, in ms or with a unit. Its meaning depends on the distribution. */
  readonly jitter?: number | string
  /** The correlation coefficient of the delays of successive packets: '25%', or 0.25. */
  readonly correlation?: number | string
  /** `uniform` by default; a table is one of parseTable. */
  readonly distribution?: Distribution
  /** Whether a packet waits for earlier ones that drew a longer delay; by default `unordered`. */
  readonly order?: Order
  /** Sends packets immediately, ahead of delayed ones. */
  readonly reorder?: ReorderOptions
  /** How much is held; by default 1000 frames, so that GSO frames count as for netem. */
  readonly limit?: LimitSpec
}

/**
 * Packets that are sent immediately and so overtake delayed ones, like `reorder` and `gap` of
 * netem.
 */
export interface ReorderOptions {
  readonly share: number | string
  readonly correlation?: number | string
  /** Only packets after gap - 1 delayed ones may be sent immediately; 1 by default. */
  readonly gap?: number
}

const ORDERS = ['ordered', 'unordered'] as const
type Order = (typeof ORDERS)[number]

interface DelaySpec {
  readonly time: number
  readonly jitter: number
  readonly correlation: number
  /** A name, the path of a table, or a table. */
  readonly distribution: Distribution | string
  readonly order?: Order
  readonly reorder?: ReorderSpec
}

type ReorderSpec = { readonly [K in keyof Required<ReorderOptions>]: number }

interface DelayParams extends DelaySpec {
  readonly table: Int16Array | undefined
  /** The `a` of the CorrelatedUniform, so that the delays have the given correlation. */
  readonly copula: number
  readonly isOrdered: boolean
  readonly limit: LimitSpec
}

class DelayWire extends StageWire<DelayParams> implements Wire {
  readonly #queue: DelayQueue
  readonly #uniform = new CorrelatedUniform(this.env.random)
  readonly #ahead = new CorrelatedEvents(this.env.random)
  /** Packets delayed since the last one that was sent immediately. */
  #delayed = 0

  constructor(params: DelayParams, next: Wire, env: WireEnv) {
    super(params, next, env)
    this.#queue = new DelayQueue(params.limit, next, env)
    env.timed()
  }

  push(skb: SkBuff): void {
    const { env } = this
    if (this.#goesAhead()) {
      if (this.#queue.length > 0) {
        env.note('reorder', skb, this.#queue.length)
      }
      this.next.push(skb)
      return
    }
    // Drawn before the limit is checked, so that later delays do not depend on the held packets.
    const drawn = this.#draw()
    const now = env.clock.now()
    const { last } = this.#queue
    const moment = this.params.isOrdered ? Math.max(now + drawn, last) : now + drawn
    if (!this.#queue.push(skb, moment)) return
    if (moment < last) {
      env.note('reorder', skb)
    }
    env.decided('delay', skb, moment - now)
  }

  /** Held packets keep their moments, and count toward the new limit. */
  protected override update(params: DelayParams): void {
    super.update(params)
    this.#queue.changeLimit(params.limit)
  }

  close(): void {
    this.#queue.close()
  }

  #goesAhead(): boolean {
    const { reorder } = this.params
    if (reorder === undefined) return false
    if (
      this.#delayed >= reorder.gap - 1 &&
      this.#ahead.happens(reorder.share, reorder.correlation)
    ) {
      this.#delayed = 0
      return true
    }
    this.#delayed++
    return false
  }

  #draw(): number {
    const { time, jitter, table, copula } = this.params
    if (jitter === 0) return time
    return Math.round(delayAt(time, jitter, table, this.#uniform.next(copula)))
  }
}

/** Returns the delay in ns of a share of the distribution, a number in [0, 1). */
function delayAt(
  time: number,
  jitter: number,
  table: Int16Array | undefined,
  share: number,
): number {
  const t =
    table === undefined ? 2 * share - 1 : table[Math.floor(share * table.length)] / TABLE_FACTOR
  return Math.max(0, time + jitter * t)
}

export const delayKind: StageKind<DelaySpec> = {
  kind: 'delay',
  inner: {
    distribution:
      'distribution follows the times of a delay or slot: delay 20ms 5ms distribution normal',
    gap: 'gap follows reorder: reorder 25% gap 5',
    ordered: 'ordered follows the jitter of a delay: delay 20ms 5ms ordered',
    unordered: 'unordered follows the jitter of a delay: delay 20ms 5ms unordered',
  },
  holds: true,
  part: {
    key: 'reorder',
    name: 'reordering',
    keywords: { reorder: readReorder },
    missing: () =>
      'reorder needs a delay, which the reordered packets skip: delay 20ms reorder 25%',
  },
  read(c) {
    const time = c.duration('delay needs a time: delay 20ms')
    const jitters = c.atNumber
    const jitter = jitters ? c.duration('') : 0
    const correlation = jitters ? c.optional(parseShare, 0) : 0
    const word = c.peek()
    const isDistributed = c.takes('distribution')
    if (isDistributed && !jitters) {
      throw c.error('a distribution needs a jitter: delay 20ms 5ms distribution normal', word)
    }
    const distribution = isDistributed ? readDistribution(c) : 'uniform'
    const order = jitters ? ORDERS.find(each => c.takes(each)) : undefined
    return { time, jitter, correlation, distribution, ...(order !== undefined && { order }) }
  },
  print({ time, jitter, correlation, distribution, order, reorder }) {
    const isUniform = distribution === 'uniform'
    const jitters = jitter !== 0 || correlation !== 0 || !isUniform || order !== undefined
    const times = [time, ...(jitters ? [jitter] : [])].map(ns => formatDuration(ns))
    return join([
      'delay',
      ...times,
      correlation !== 0 && formatShare(correlation),
      !isUniform && `distribution ${printDistribution(distribution)}`,
      order,
      reorder &&
        trimmed('reorder', [reorder.share, reorder.correlation], [undefined, 0], formatShare),
      reorder && reorder.gap !== 1 && `gap ${reorder.gap}`,
    ])
  },
  build(spec, { text, limit = { frames: 1000 }, resources, isPaced }) {
    const { time, jitter, correlation, distribution, order, reorder } = spec
    const table = readTable(distribution, resources)
    if (reorder !== undefined && time === 0 && jitter === 0) {
      throw new UsageError('reorder needs a delay above zero')
    }
    const copula =
      jitter === 0 ? 0 : copulaFor(correlation, share => delayAt(time, jitter, table, share))
    // Without jitter only a change of the stage could let packets overtake.
    const isOrdered = jitter === 0 || order === 'ordered' || (order === undefined && isPaced)
    const params: DelayParams = { ...spec, table, copula, isOrdered, limit }
    const takesGso = jitter === 0 && reorder === undefined
    return impairment('delay', params, (p, next, env) => new DelayWire(p, next, env), {
      text,
      takesGso,
    })
  },
}

function readReorder(c: Cursor): ReorderSpec {
  const share = c.share('reorder needs a percentage: reorder 25%')
  const correlation = c.optional(parseShare, 0)
  const gap = c.takes('gap') ? c.whole('gap needs a number of packets: gap 5', 'a count') : 1
  return { share, correlation, gap }
}

/**
 * Returns an impairment that delays every packet, by a time in ms or with a unit: '20ms'. With
 * `jitter` each packet draws its delay from the distribution. Delays below zero are 0. With
 * `order: 'ordered'` a packet that draws an earlier moment than the packet before it leaves right
 * after that packet; otherwise it leaves at its own moment. A delay alone passes GSO frames whole.
 * Packets that overtake others are counted as reordered. Throws a UsageError.
 */
export function delay(time: number | string, options: DelayOptions = {}): Impairment {
  const { distribution = 'uniform', order, reorder, limit } = options
  if (order !== undefined && !ORDERS.includes(order)) {
    throw new UsageError(`order '${order}': ordered or unordered`)
  }
  const spec: DelaySpec = {
    time: durationOf(time),
    jitter: durationOf(options.jitter ?? 0),
    correlation: shareOf(options.correlation ?? 0),
    distribution: known(distribution),
    ...(order !== undefined && { order }),
    ...(reorder !== undefined && { reorder: reorderOf(reorder) }),
  }
  return stageOf(delayKind, spec, { limit })
}

function reorderOf({ share, correlation = 0, gap = 1 }: ReorderOptions): ReorderSpec {
  if (!(Number.isInteger(gap) && gap >= 1)) {
    throw new UsageError(`gap ${gap}: it must be a whole number, at least 1`)
  }
  return { share: shareOf(share), correlation: shareOf(correlation), gap }
}
