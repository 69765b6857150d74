/**
 * RED, "random early detection" (Floyd and Jacobson, "Random Early Detection Gateways for
 * Congestion Avoidance", IEEE/ACM Transactions on Networking, August 1993), in bytes. It drops or
 * marks packets that arrive, by the average length of the queue: none below `min`, from there on a
 * share that grows linearly to `probability` at `max`. It is the gentle variant (Floyd, 2000): from
 * `max` to twice `max` the share grows on to 1, where the original drops everything above `max`.
 *
 * Marks are spaced evenly: the number of packets from one to the next is uniform from 1 to 1 / p
 * (sec. 7 of the paper). With ECN a packet is marked in place of being dropped if it is capable of
 * ECN and the average is below twice `max`.
 */
import { UsageError } from '../../base/usage-error.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { formatShare, formatSize, join, parseShare, parseSize, sizeOf } from '../units.ts'
import { markCe } from './ecn.ts'
import { type DisciplineKind, ParamDiscipline, type QueueSpec } from './queue.ts'

/** Bytes of a packet, where the default thresholds are derived from a limit in packets. */
const USUAL_PACKET = 1500

/** The options of red(), named as in tc-red(8). */
export interface RedOptions {
  /** Average lengths of the queue, in bytes or with a unit. `max` is by default 3 * `min`. */
  readonly min: number | string
  readonly max?: number | string
  /** The share at `max`, before spacing: 0.02, or '2%'. */
  readonly probability?: number | string
  /** Bytes of a typical packet, by which the average decays on an idle line: 1000 by default. */
  readonly avpkt?: number | string
  /** Weight of a new length in the average: 0.002 by default. */
  readonly weight?: number
  /** Marks packets that are capable of ECN in place of dropping them. */
  readonly ecn?: boolean
}

interface RedParams {
  readonly min: number
  readonly max: number
  readonly probability: number
  readonly avpkt: number
  readonly weight: number
  readonly ecn: boolean
}

class Red extends ParamDiscipline<RedParams> {
  #average = 0
  /** Packets that passed since the last mark or drop. */
  #count = 0
  /** The time up to which the average includes an idle line; NaN while the line is busy. */
  #idle = this.queue.env.clock.now()

  idle(): void {
    if (Number.isNaN(this.#idle)) {
      this.#idle = this.queue.env.clock.now()
    }
  }

  overflows(): void {
    this.#measure()
  }

  arrives(skb: SkBuff): boolean {
    this.#measure()
    const passes = this.#passes(skb)
    if (passes) {
      this.#idle = Number.NaN
    } else {
      this.queue.refuse(skb, 'red')
    }
    return passes
  }

  #passes(skb: SkBuff): boolean {
    const share = this.#share()
    if (share === 0) {
      this.#count = 0
      return true
    }
    const spaced = share * (this.#count + 1) >= 1 ? 1 : share / (1 - share * this.#count)
    if (this.queue.env.random.next() >= spaced) {
      this.#count++
      return true
    }
    this.#count = 0
    if (this.params.ecn && share < 1 && markCe(skb)) {
      this.queue.env.note('mark', skb)
      return true
    }
    return false
  }

  /** Updates the average, which an idle line lowers as if typical packets passed it. */
  #measure(): void {
    const { weight, avpkt } = this.params
    if (Number.isNaN(this.#idle)) {
      this.#average += weight * (this.queue.bytes - this.#average)
      return
    }
    const now = this.queue.env.clock.now()
    this.#average *= (1 - weight) ** ((now - this.#idle) / (avpkt * this.queue.byteTime))
    this.#idle = now
  }

  /** Returns the share of packets to mark, before they are spaced. */
  #share(): number {
    const { min, max, probability } = this.params
    const average = this.#average
    if (average < min) return 0
    if (average < max) return (probability * (average - min)) / (max - min)
    return Math.min(1, probability + ((1 - probability) * (average - max)) / max)
  }
}

type RedSpec = Partial<Pick<RedParams, 'min' | 'max' | 'probability'>> & Pick<RedParams, 'ecn'>

export const redKind: DisciplineKind<RedSpec> = {
  read(c) {
    const spec: { -readonly [K in keyof RedSpec]: RedSpec[K] } = { ecn: false }
    const place = c.peek()
    while (c.is('min') || c.is('max') || c.is('probability')) {
      if (c.takes('min')) {
        spec.min = c.value('min needs a size: min 30kb', parseSize)
      } else if (c.takes('max')) {
        spec.max = c.value('max needs a size: max 90kb', parseSize)
      } else if (c.takes('probability')) {
        spec.probability = c.share('probability needs a percentage: probability 2%')
        if (spec.probability === 0) {
          throw c.error(`a probability of ${formatShare(0)} never drops`, c.last)
        }
      }
    }
    if (spec.min !== undefined && spec.max !== undefined && spec.max <= spec.min) {
      throw c.error('the maximum of red is not above its minimum', place)
    }
    spec.ecn = c.takes('ecn')
    return spec
  },
  print({ min, max, probability, ecn }) {
    return join([
      'red',
      min !== undefined && `min ${formatSize(min)}`,
      max !== undefined && `max ${formatSize(max)}`,
      probability !== undefined && `probability ${formatShare(probability)}`,
      ecn && 'ecn',
    ])
  },
  /** The default thresholds of tc-red(8): a quarter of the limit, and a third of that. */
  build({ min, ...spec }, { packets = 1000, bytes }) {
    const max = spec.max ?? (min === undefined ? (bytes ?? packets * USUAL_PACKET) / 4 : 3 * min)
    return red({ ...spec, min: min ?? max / 3, max })
  },
}

/** Returns RED as the queue of a rate or a trace. */
export function red(options: RedOptions): QueueSpec {
  const { probability = 0.02, avpkt = 1000, weight = 0.002, ecn = false } = options
  const min = sizeOf(options.min)
  const max = options.max === undefined ? 3 * min : sizeOf(options.max)
  if (!(min > 0 && max > min)) {
    throw new UsageError(`red: min ${min} and max ${max}: 0 < min < max is needed`)
  }
  if (!(weight > 0 && weight <= 1)) {
    throw new UsageError(`red: weight ${weight}: more than 0, at most 1`)
  }
  const share = typeof probability === 'number' ? probability : parseShare(probability)
  if (!(share > 0 && share <= 1)) {
    throw new UsageError(`red: probability ${probability}: more than 0, at most 1`)
  }
  const params: RedParams = { min, max, probability: share, avpkt: sizeOf(avpkt), weight, ecn }
  return { kind: 'red', params, make: queue => new Red(params, queue) }
}
