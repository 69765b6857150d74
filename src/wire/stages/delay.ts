/**
 * delay: packets leave some time after they came. With jitter each packet draws its own delay, but
 * order is kept: a packet waits for those before it. Only `reorder` lets packets overtake others.
 */
import type { Alarm } from '../../base/clock.ts'
import { UsageError } from '../../base/usage-error.ts'
import { SKB_DROP_REASON_QDISC_OVERLIMIT } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { HeldPackets } from '../held.ts'
import { print } from '../spec/print.ts'
import { durationOf, shareOf } from '../units.ts'
import { type Impairment, impairment, type Limit, type LimitSpec, type Wire, type WireEnv } from '../wire.ts'
import { CorrelatedEvents, CorrelatedUniform, copulaFor } from './correlated.ts'
import { type Distribution, TABLE_FACTOR, tableOf } from './distribution.ts'

export interface DelayOptions {
  /** The spread of the delays: '5ms', or ns. What it means depends on the distribution. */
  readonly jitter?: number | string
  /** The correlation coefficient of the delays of successive packets: '25%', or 0.25. */
  readonly correlation?: number | string
  /** `uniform` by default; a table is one of parseTable. */
  readonly distribution?: Distribution
  /** Sends packets at once, ahead of those that are delayed. */
  readonly reorder?: ReorderOptions
  /** How much is held; by default 1000 frames, so that GSO frames count as for netem. */
  readonly limit?: LimitSpec
}

export interface ReorderOptions {
  readonly share: number | string
  readonly correlation?: number | string
  /** Each packet behind gap - 1 delayed ones goes at once with the probability; 1 by default. */
  readonly gap?: number
}

interface DelayParams {
  /** ns */
  readonly time: number
  readonly jitter: number
  readonly table: Int16Array | undefined
  /** Of the CorrelatedUniform, so that the delays have the asked correlation. */
  readonly copula: number
  readonly reorder: { readonly share: number; readonly correlation: number; readonly gap: number } | undefined
  readonly limit: LimitSpec
}

class DelayWire implements Wire {
  #params: DelayParams
  #limit: Limit
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #held = new HeldPackets()
  readonly #alarm: Alarm
  readonly #uniform: CorrelatedUniform
  readonly #ahead: CorrelatedEvents
  /** Packets delayed since the last that went at once. */
  #delayed = 0

  constructor(params: DelayParams, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#limit = env.limit(params.limit)
    this.#alarm = env.clock.alarm(() => this.#release())
    this.#uniform = new CorrelatedUniform(env.random)
    this.#ahead = new CorrelatedEvents(env.random)
    env.timed()
  }

  push(skb: SkBuff): void {
    const env = this.#env
    if (this.#goesAhead()) {
      if (this.#held.length > 0) env.note('reorder', skb, this.#held.length)
      this.#next.push(skb)
      return
    }
    // Before the limit, so that the delay of a later packet does not depend on what is held.
    const delay = this.#draw()
    if (!this.#limit.admits(skb)) {
      env.drop(skb, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
      return
    }
    if (!env.hold(skb)) return
    const now = env.clock.now()
    const moment = Math.max(now + delay, this.#held.last)
    env.decided('delay', skb, moment - now)
    this.#limit.add(skb)
    const { first } = this.#held
    this.#held.add(skb, moment)
    if (moment < first) this.#alarm.at(moment)
  }

  /** What is held leaves when it was to leave, and counts against the new limit. */
  change(params: unknown): boolean {
    this.#params = params as DelayParams
    const limit = this.#env.limit(this.#params.limit)
    if (limit !== this.#limit) {
      this.#held.each(skb => {
        this.#limit.remove(skb)
        limit.add(skb)
      })
      this.#limit = limit
    }
    return true
  }

  close(): void {
    for (let skb = this.#held.shift(); skb !== undefined; skb = this.#held.shift()) {
      this.#limit.remove(skb)
      this.#env.drop(skb, 'closed')
    }
  }

  #goesAhead(): boolean {
    const { reorder } = this.#params
    if (reorder === undefined) return false
    if (this.#delayed >= reorder.gap - 1 && this.#ahead.happens(reorder.share, reorder.correlation)) {
      this.#delayed = 0
      return true
    }
    this.#delayed++
    return false
  }

  #draw(): number {
    const { time, jitter, table, copula } = this.#params
    if (jitter === 0) return time
    return Math.round(delayAt(time, jitter, table, this.#uniform.next(copula)))
  }

  /** Passes on all packets that are due. */
  #release(): void {
    const now = this.#env.clock.now()
    try {
      while (this.#held.first <= now) {
        const skb = this.#held.shift() as SkBuff
        this.#limit.remove(skb)
        this.#next.push(skb)
      }
    } finally {
      if (this.#held.length !== 0) this.#alarm.at(this.#held.first)
    }
  }
}

/** Returns the delay in ns of a share of the distribution, a number in [0, 1). */
function delayAt(time: number, jitter: number, table: Int16Array | undefined, share: number): number {
  const t = table === undefined ? 2 * share - 1 : table[Math.floor(share * table.length)] / TABLE_FACTOR
  return Math.max(0, time + jitter * t)
}

/**
 * Returns an impairment that delays every packet: '20ms', or ns. With `jitter` each packet draws
 * its delay from the distribution. Delays below zero are 0. A packet that draws an earlier moment
 * than the packet before it leaves right behind that one. A delay alone passes GSO frames whole.
 * Packets that go ahead of others by `reorder` are counted as reordered. Throws a UsageError.
 */
export function delay(time: number | string, options: DelayOptions = {}): Impairment {
  const { distribution = 'uniform', reorder: asked, limit = { frames: 1000 } } = options
  const mean = durationOf(time)
  const jitter = durationOf(options.jitter ?? 0)
  const correlation = shareOf(options.correlation ?? 0)
  const table = tableOf(distribution)
  const reorder = asked === undefined ? undefined : reorderOf(asked)
  if (reorder !== undefined && mean === 0 && jitter === 0) throw new UsageError('reorder needs a delay above zero')
  const copula = jitter === 0 ? 0 : copulaFor(correlation, share => delayAt(mean, jitter, table, share))
  const params: DelayParams = { time: mean, jitter, table, copula, reorder, limit }
  const words = print({
    ...{ kind: 'delay', time: mean, jitter, correlation },
    distribution: typeof distribution === 'string' ? distribution : 'table',
    ...(reorder !== undefined && { reorder }),
  })
  return impairment('delay', params, (p, next, env) => new DelayWire(p, next, env), {
    ...{ words, takesGso: jitter === 0 && reorder === undefined },
  })
}

function reorderOf({ share, correlation = 0, gap = 1 }: ReorderOptions): NonNullable<DelayParams['reorder']> {
  if (!(Number.isInteger(gap) && gap >= 1)) throw new UsageError(`gap ${gap}: it must be a whole number, at least 1`)
  return { share: shareOf(share), correlation: shareOf(correlation), gap }
}
