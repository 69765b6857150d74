/**
 * CoDel, "controlled delay" (RFC 8289). If the packets of a queue waited longer than `target` for a
 * whole `interval`, it drops one packet. It then drops more at ever shorter times, interval /
 * sqrt(count), until a packet has waited less. The names are from the RFC's pseudocode (sec. 5).
 *
 * With `ce_threshold` it also marks every packet that waited longer than that, as tc-codel(8) does.
 */
import { NSEC_PER_MSEC, UsageError } from '../../base/index.ts'
import { ETH_FRAME_LEN } from '../../packet/ethernet.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { join } from '../units.ts'
import type { QueueEnv } from '../wire.ts'
import { markCe } from './ecn.ts'
import {
  type DisciplineKind,
  givenTimes,
  ParamDiscipline,
  printTimes,
  type QueueSpec,
  readTimes,
} from './queue.ts'

/** The defaults of RFC 8289, in ns. */
const TARGET = 5 * NSEC_PER_MSEC
const INTERVAL = 100 * NSEC_PER_MSEC
const NEVER = Number.POSITIVE_INFINITY
/** The shortest target and the shortest interval, in ns. */
const MIN = NSEC_PER_MSEC

/** The options of codel(), RFC 8289. */
export interface CodelOptions {
  /** The wait that a queue may keep up, in ms or with a unit; default 5ms. */
  readonly target?: number | string
  /** How long it may exceed `target`: a long round trip, in ms or with a unit; default 100ms. */
  readonly interval?: number | string
  readonly ecn?: boolean
  /** Marks packets that are capable of ECN and waited longer, in ms or with a unit. */
  readonly ceThreshold?: number | string
}

export interface CodelParams {
  /** Times in ns. */
  readonly target: number
  readonly interval: number
  readonly ecn: boolean
  /** Infinity without a threshold. */
  readonly ceThreshold: number
}

/**
 * The queue that CoDel manages, as CoDel sees it. `shift` hands the frame over; CoDel returns it,
 * or drops it by `drop`.
 */
export interface CodelQueue {
  readonly env: QueueEnv
  readonly bytes: number
  /** When the packet that was taken last had arrived. */
  readonly arrived: number
  shift(): SkBuff | undefined
  drop(skb: SkBuff, why: string): void
}

export class Codel extends ParamDiscipline<CodelParams, CodelQueue> {
  /** True if the packet that was pulled may be dropped (`ok_to_drop`). */
  #okToDrop = false
  /** When the wait will have been above the target for an interval; 0 if it is not above. */
  #firstAboveTime = 0
  #dropNext = 0
  #count = 0
  #lastCount = 0
  #dropping = false
  /** The longest packet: a queue of at most this many bytes is left alone. */
  #maxPacket = ETH_FRAME_LEN
  /** The packet that was marked in this call of `next`. */
  #marked: SkBuff | undefined

  next(): SkBuff | undefined {
    const now = this.queue.env.clock.now()
    this.#marked = undefined
    const skb = this.#dequeue(now)
    if (
      skb === undefined ||
      skb === this.#marked ||
      now - this.queue.arrived <= this.params.ceThreshold
    ) {
      return skb
    }
    if (markCe(skb)) {
      this.queue.env.note('mark', skb)
    }
    return skb
  }

  #dequeue(now: number): SkBuff | undefined {
    let skb = this.#pull(now)
    if (this.#dropping) {
      if (!this.#okToDrop) {
        this.#dropping = false
      }
      while (this.#dropping && skb !== undefined && now >= this.#dropNext) {
        this.#count++
        if (this.#marks(skb)) {
          this.#dropNext = this.#controlLaw(this.#dropNext)
          break
        }
        this.queue.drop(skb, 'codel')
        skb = this.#pull(now)
        if (this.#okToDrop) {
          this.#dropNext = this.#controlLaw(this.#dropNext)
        } else {
          this.#dropping = false
        }
      }
    } else if (this.#okToDrop && skb !== undefined) {
      if (!this.#marks(skb)) {
        this.queue.drop(skb, 'codel')
        skb = this.#pull(now)
      }
      this.#dropping = true
      // Dropping restarted soon: continue at the rate that controlled the queue last time.
      const delta = this.#count - this.#lastCount
      this.#count = delta > 1 && now - this.#dropNext < 16 * this.params.interval ? delta : 1
      this.#dropNext = this.#controlLaw(now)
      this.#lastCount = this.#count
    }
    return skb
  }

  /** Takes a packet and decides whether it may be dropped (`dodequeue`). */
  #pull(now: number): SkBuff | undefined {
    const queue = this.queue
    const skb = queue.shift()
    this.#okToDrop = false
    if (skb === undefined) {
      this.#firstAboveTime = 0
      return undefined
    }
    if (skb.len > this.#maxPacket) {
      this.#maxPacket = skb.len
    }
    if (now - queue.arrived < this.params.target || queue.bytes <= this.#maxPacket) {
      this.#firstAboveTime = 0
    } else if (this.#firstAboveTime === 0) {
      this.#firstAboveTime = now + this.params.interval
    } else {
      this.#okToDrop = now >= this.#firstAboveTime
    }
    return skb
  }

  #marks(skb: SkBuff): boolean {
    if (!this.params.ecn || !markCe(skb)) return false
    this.queue.env.note('mark', skb)
    this.#marked = skb
    return true
  }

  #controlLaw(from: number): number {
    return from + this.params.interval / Math.sqrt(this.#count)
  }
}

/** The values in its text; absent ones have defaults. */
export type CodelSpec = Partial<CodelParams> & Pick<CodelParams, 'ecn'>

const TIMES = { target: '5ms', interval: '100ms', ce_threshold: '1ms' }

export const codelKind: DisciplineKind<CodelSpec> = {
  read(c) {
    const { ce_threshold: ceThreshold, ...times } = readTimes(c, TIMES)
    return { ...times, ...(ceThreshold !== undefined && { ceThreshold }), ecn: c.takes('ecn') }
  },
  print({ target, interval, ecn, ceThreshold }) {
    const times = {
      target,
      interval,
      ce_threshold: ceThreshold === NEVER ? undefined : ceThreshold,
    }
    return join(['codel', printTimes(times), ecn && 'ecn'])
  },
  build: queueOf,
}

/** Returns the parameters of a queue. Throws a UsageError for a time below 1 ms. */
export function codelParams(kind: 'codel' | 'fq_codel', spec: CodelSpec): CodelParams {
  const params = { target: TARGET, interval: INTERVAL, ceThreshold: NEVER, ...spec }
  for (const name of ['target', 'interval'] as const) {
    if (params[name] < MIN) throw new UsageError(`${kind}: ${name} must be at least 1ms`)
  }
  return params
}

export function codelSpec({ ecn = false, target, interval, ceThreshold }: CodelOptions): CodelSpec {
  return { ecn, ...givenTimes({ target, interval, ceThreshold }) }
}

function queueOf(spec: CodelSpec): QueueSpec {
  const params = codelParams('codel', spec)
  return { kind: 'codel', params, make: queue => new Codel(params, queue) }
}

/** Returns CoDel as the queue of a rate or a trace. Throws a UsageError. */
export function codel(options: CodelOptions = {}): QueueSpec {
  return queueOf(codelSpec(options))
}
