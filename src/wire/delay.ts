/**
 * delay: packets leave some time after they came. With jitter each packet draws its own delay, but
 * order is kept: a packet waits for those before it.
 */
import type { Alarm } from '../netdev/clock.ts'
import { SKB_DROP_REASON_QDISC_OVERLIMIT } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { HeldPackets } from './held.ts'
import { parseDuration } from './units.ts'
import { type Impairment, impairment, type Limit, type LimitSpec, type Wire, type WireEnv } from './wire.ts'

export interface DelayParams {
  /** ns */
  readonly time: number
  readonly limit: LimitSpec
}

class DelayWire implements Wire {
  #params: DelayParams
  #limit: Limit
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #held = new HeldPackets()
  readonly #alarm: Alarm

  constructor(params: DelayParams, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#limit = env.limit(params.limit)
    this.#alarm = env.clock.alarm(() => this.#release())
    env.timed()
  }

  push(skb: SkBuff): void {
    const env = this.#env
    if (!this.#limit.admits(skb)) {
      env.drop(skb, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
      return
    }
    if (!env.hold(skb)) return
    const now = env.clock.now()
    const moment = Math.max(now + this.#params.time, this.#held.last)
    env.decided('delay', skb, moment - now)
    this.#limit.add(skb)
    const { first } = this.#held
    this.#held.add(skb, moment)
    if (moment < first) this.#alarm.at(moment)
  }

  change(params: unknown): boolean {
    this.#params = params as DelayParams
    return true
  }

  close(): void {
    for (let skb = this.#held.shift(); skb !== undefined; skb = this.#held.shift()) this.#env.drop(skb, 'closed')
  }

  /** Passes on all packets that are due. */
  #release(): void {
    const now = this.#env.clock.now()
    while (this.#held.first <= now) {
      const skb = this.#held.shift() as SkBuff
      this.#limit.remove(skb)
      this.#next.push(skb)
    }
    if (this.#held.length !== 0) this.#alarm.at(this.#held.first)
  }
}

/** Returns an impairment that delays every packet: '20ms', or ns. */
export function delay(time: number | string): Impairment {
  const params: DelayParams = {
    time: typeof time === 'number' ? time : parseDuration(time),
    limit: { packets: 1000 },
  }
  return impairment('delay', params, (p, next, env) => new DelayWire(p, next, env), {
    ...{ words: `delay ${params.time / 1e6}ms`, takesGso: true },
  })
}
