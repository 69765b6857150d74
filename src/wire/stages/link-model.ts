/**
 * lte, 5g, starlink, wifi, geo: links with a rate, delay and loss that change over time. A model
 * draws the rows of a trace (link-trace.ts), one for each tick, from a fork of the stage's random
 * stream: the seed and the direction decide all rows, the packets none. After the last row they
 * repeat.
 *
 * The logarithm of the rate and the delay follow Ornstein-Uhlenbeck processes: normal values that
 * forget earlier ones in the time `memory`. `delay` maps them to its quantiles, so the shares of
 * the time agree with the model. A rate with `walk` is a Brownian motion (rateWalk). The
 * sources of the figures are in docs/records/drawn-links.md.
 */
import {
  durationOf,
  formatDuration,
  NSEC_PER_MSEC,
  NSEC_PER_SEC,
  type Random,
  UsageError,
} from '../../base/index.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { join } from '../units.ts'
import { type Impairment, impairment, type LimitSpec } from '../wire.ts'
import { normal } from './correlated.ts'
import { limitText, printQueue, queueOf, queuePart, type WrittenQueue } from './disciplines.ts'
import models from './link-models.json' with { type: 'json' }
import { type LinkTraceParams, LinkTraceWire, linkTrace, type Rows } from './link-trace.ts'
import type { QueueKind } from './queue.ts'

const TICK = 20 * NSEC_PER_MSEC
/** The length of the rows, which are extended to whole handovers. */
const LENGTH = 300 * NSEC_PER_SEC
const HANDOVER_MIN = NSEC_PER_SEC
const HANDOVER_MAX = 3600 * NSEC_PER_SEC

/** Rates are in Mbit/s, times in ms. */
interface LinkModel {
  readonly up: number
  readonly down: number
  /** The standard deviation of the logarithm of the rate. */
  readonly spread?: number
  /** The deviation of the rate after a second; see rateWalk. */
  readonly walk?: number
  /** The delay of a direction: the minimum, the median, and the quantiles 0.9 and 0.99. */
  readonly delay: readonly number[]
  readonly memory: number
  /** Bursts of loss: their mean distance, their mean length, and the share of lost packets. */
  readonly burst?: { readonly every: number; readonly length: number; readonly loss: number }
  readonly handover?: Partial<Handover>
}

/** Only the text sets an absent `every`. A handover draws the rate and the delay again. */
interface Handover {
  readonly every?: number
  readonly outage: number
  /** From `before` until `after` it packets take `delay` longer, and up to `loss` are lost. */
  readonly before: number
  readonly after: number
  readonly delay: number
  readonly loss: number
}

const NO_HANDOVER: Handover = { outage: 0, before: 0, after: 0, delay: 0, loss: 0 }

export type LinkName = 'lte' | '5g' | 'starlink' | 'wifi' | 'geo'

const MODELS: Readonly<Record<LinkName, LinkModel>> = models

/** The normal values of the quantiles of a delay. */
const NORMAL = [-3, 0, 1.2816, 2.3263]

/** Draws the rows of a link; `every` is the time between handovers in ns. */
export function drawRows(name: LinkName, isUp: boolean, every: number, random: Random): Rows {
  const model = MODELS[name]
  const { burst, walk } = model
  const handover = { ...NO_HANDOVER, ...model.handover }
  const rows = {
    time: [] as number[],
    rate: [] as number[],
    delay: [] as number[],
    loss: [] as number[],
  }
  const median = isUp ? model.up : model.down
  const keep = Math.exp(-TICK / (model.memory * NSEC_PER_MSEC))
  const noise = Math.sqrt(1 - keep * keep)
  // The rows start just after a handover, and repeat after the last one.
  const lead = Math.max(handover.outage, handover.after) * NSEC_PER_MSEC
  const end =
    lead + (every === Number.POSITIVE_INFINITY ? LENGTH : Math.ceil(LENGTH / every) * every)
  const walked = walk === undefined ? undefined : rateWalk(median, walk, random)
  let began = 0
  let quality = normal(random)
  let distance = normal(random)
  let edgeLoss = handover.loss * random.next()
  let isBurst = false
  for (let time = lead; time < end; time += TICK) {
    if (time - began >= every) {
      began += every
      quality = normal(random)
      distance = normal(random)
      walked?.restart()
      edgeLoss = handover.loss * random.next()
    } else {
      quality = keep * quality + noise * normal(random)
      distance = keep * distance + noise * normal(random)
    }
    const since = time - began
    const edge = began + every - handover.before * NSEC_PER_MSEC
    const rate =
      walked === undefined ? median * Math.exp((model.spread ?? 0) * quality) : walked.next()
    const ms = delayAt(model.delay, distance)
    // The same probability at each tick, so that the mean length is exact.
    if (
      burst !== undefined &&
      random.next() < TICK / ((isBurst ? burst.length : burst.every) * NSEC_PER_MSEC)
    ) {
      isBurst = !isBurst
    }
    const add = (at: number, isEdge: boolean) => {
      rows.time.push(at)
      // Mbit/s are 1/1000 bit per ns.
      rows.rate.push(since < handover.outage * NSEC_PER_MSEC ? 0 : rate / 1000)
      rows.delay.push(Math.round((ms + (isEdge ? handover.delay : 0)) * NSEC_PER_MSEC))
      if (isBurst && burst !== undefined) {
        rows.loss.push(burst.loss)
      } else {
        rows.loss.push(isEdge ? edgeLoss : 0)
      }
    }
    add(time, since < handover.after * NSEC_PER_MSEC || time >= edge)
    if (time < edge && edge < time + TICK && edge < began + every) {
      add(edge, true)
    }
  }
  return rows
}

/** Returns the delay of a normal value, between the quantiles in proportion to their logarithms. */
function delayAt(quantiles: LinkModel['delay'], value: number): number {
  const last = NORMAL.length - 1
  const to = NORMAL.findIndex(each => value < each)
  if (to === 0) return quantiles[0]
  if (to < 0) return quantiles[last] as number
  const part = (value - NORMAL[to - 1]) / (NORMAL[to] - NORMAL[to - 1])
  return quantiles[to - 1] * (quantiles[to] / quantiles[to - 1]) ** part
}

type LinkSpec = Readonly<{ isUp: boolean; handover?: number; queue?: WrittenQueue }>

const handoverText = ({ handover }: LinkSpec) =>
  handover !== undefined && `handover ${formatDuration(handover)}`

function linkKind(name: LinkName): StageKind<LinkSpec> {
  const { handover: own } = MODELS[name]
  return {
    kind: name,
    ...(own !== undefined && {
      inner: { handover: 'handover follows lte, 5g, starlink or wifi: lte handover 10s' },
    }),
    holds: true,
    part: queuePart,
    read(c) {
      if (own === undefined || !c.takes('handover')) return { isUp: true }
      const handover = c.duration(`handover needs a time: ${name} handover 10s`)
      if (handover < HANDOVER_MIN || handover > HANDOVER_MAX) {
        throw c.error('a handover is every 1s to 1h', c.last)
      }
      return { isUp: true, handover }
    },
    directed: (spec, direction) => ({ ...spec, isUp: direction === 'ab' }),
    print: spec => join([name, handoverText(spec), printQueue(spec.queue)]),
    build(spec, { text, limit }) {
      const { isUp, handover = (own?.every ?? Number.POSITIVE_INFINITY) * NSEC_PER_MSEC } = spec
      const params: LinkTraceParams = {
        ...queueOf(spec.queue, limit),
        text: `${isUp} ${handover}`,
        link: random => linkTrace(drawRows(name, isUp, handover, random.fork())),
        once: false,
      }
      return impairment(name, params, (p, next, env) => new LinkTraceWire(p, next, env), { text })
    },
  }
}

const NAMES = Object.keys(MODELS) as LinkName[]
const KINDS = Object.fromEntries(NAMES.map(name => [name, linkKind(name)])) as Record<
  LinkName,
  StageKind<LinkSpec>
>

export const linkKinds: readonly StageKind<LinkSpec>[] = Object.values(KINDS)

/** The options of link(). The figures of the models are in docs/wires-links.md. */
export interface LinkOptions {
  /** The time between handovers, in milliseconds or with a unit: from 1s to 1h. */
  readonly handover?: number | string
  /** The queue at the rate of the link: `tail` by default. */
  readonly queue?: QueueKind
  /** The most that the link holds: 1000 packets by default. */
  readonly limit?: LimitSpec
}

/** Returns a link that changes over time, its uplink or its downlink. Throws a UsageError. */
export function link(
  name: LinkName,
  direction: 'up' | 'down',
  options: LinkOptions = {},
): Impairment {
  const { queue, limit } = options
  if (!NAMES.includes(name)) throw new UsageError(`link '${name}': ${NAMES.join(', ')}`)
  if (direction !== 'up' && direction !== 'down') {
    throw new UsageError(`link ${name}: '${direction}' is not up or down`)
  }
  const handover = options.handover === undefined ? undefined : durationOf(options.handover)
  if (
    handover !== undefined &&
    !('handover' in MODELS[name] && handover >= HANDOVER_MIN && handover <= HANDOVER_MAX)
  ) {
    throw new UsageError(
      `link ${name}: ${'handover' in MODELS[name] ? 'a handover is every 1s to 1h' : 'it has no handovers'}`,
    )
  }
  const spec = {
    isUp: direction === 'up',
    ...(handover !== undefined && { handover }),
    ...(queue && { queue }),
  }
  const kind = KINDS[name]
  return stageOf(kind, spec, { limit, text: join([kind.print(spec), limitText(limit)]) })
}

/** The mean length of an outage, in ns: a choice. */
const OUTAGE = 100 * NSEC_PER_MSEC

/**
 * Returns a rate that is a Brownian motion, with `deviation` after a second, and rests in an outage
 * when it reaches 0, as in Winstein, Sivaraman and Balakrishnan, "Stochastic Forecasts Achieve High
 * Throughput and Low Delay over Cellular Networks" (Sprout, NSDI 2013). An outage ends at each tick
 * with the same probability, so its mean length is exact. `restart` draws an independent rate.
 */
function rateWalk(
  median: number,
  deviation: number,
  random: Random,
): { restart(): void; next(): number } {
  const end = TICK / OUTAGE
  const deviationOfTick = deviation * Math.sqrt(TICK / NSEC_PER_SEC)
  // The walk is reflected at twice the median, and as much more as makes up for the time at 0, so
  // that the rate is below the median for half of the time. The mean part of a step that leads
  // below 0, from rates that are all equally likely, is its deviation / sqrt(2 pi).
  const most = 2 * median + deviationOfTick / Math.sqrt(2 * Math.PI) / end
  let rate = most * random.next()
  let isOut = false
  return {
    restart() {
      rate = most * random.next()
      isOut = false
    },
    next() {
      const step = deviationOfTick * normal(random)
      if (isOut) {
        isOut = random.next() >= end
        if (!isOut) {
          rate = Math.abs(step)
        }
        return rate
      }
      rate += step
      if (rate > most) {
        rate = 2 * most - rate
      }
      isOut = rate <= 0
      if (isOut) {
        rate = 0
      }
      return rate
    },
  }
}
