/**
 * Gates let nothing pass. `partition` and `blackhole` drop everything. They differ in their
 * purpose: a partition cuts the link, so it belongs in both directions; a blackhole is one
 * direction, while the other works. `hold` keeps everything until it is released.
 */
import { SKB_DROP_REASON_QDISC_OVERLIMIT } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { HeldPackets } from '../held.ts'
import { type Impairment, impairment, type Limit, type LimitSpec, type Wire, type WireEnv } from '../wire.ts'

function dropAll(why: string): Impairment {
  const make = (_params: null, _next: Wire, env: WireEnv): Wire => ({
    push: skb => env.drop(skb, why),
    change: () => true,
  })
  return impairment(why, null, make, { words: why, takesGso: true })
}

/** Returns an impairment that drops everything, as `partition`. Give it to both directions. */
export function partition(): Impairment {
  return dropAll('partition')
}

/** Returns an impairment that drops everything, as `blackhole`. */
export function blackhole(): Impairment {
  return dropAll('blackhole')
}

/** An impairment that holds packets until it is released. */
export interface HoldGate extends Impairment {
  /** Delivers what is held, in order, on every wire that it is part of. What comes later passes. */
  release(): void
}

interface HoldParams {
  readonly limit: LimitSpec
  /** The stages that were made of this impairment. */
  readonly stages: Set<HoldWire>
}

class HoldWire implements Wire {
  #params: HoldParams
  #limit: Limit
  #open = false
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #held = new HeldPackets()

  constructor(params: HoldParams, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#limit = env.limit(params.limit)
    params.stages.add(this)
  }

  push(skb: SkBuff): void {
    const env = this.#env
    if (this.#open) this.#next.push(skb)
    else if (!this.#limit.admits(skb)) env.drop(skb, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
    else if (env.hold(skb)) {
      this.#limit.add(skb)
      this.#held.add(skb, env.clock.now())
    }
  }

  /** Keeps what it holds. A hold that was released holds again. */
  change(params: unknown): boolean {
    this.#params.stages.delete(this)
    this.#params = params as HoldParams
    this.#params.stages.add(this)
    this.#open = false
    const limit = this.#env.limit(this.#params.limit)
    this.#held.each(skb => {
      this.#limit.remove(skb)
      limit.add(skb)
    })
    this.#limit = limit
    return true
  }

  close(): void {
    this.#params.stages.delete(this)
    for (let skb = this.#held.shift(); skb !== undefined; skb = this.#held.shift()) {
      this.#limit.remove(skb)
      this.#env.drop(skb, 'closed')
    }
  }

  /** Time stands still, so that the decisions have the time of the change that is logged. */
  retire(): void {
    this.#params.stages.delete(this)
    this.#deliver()
  }

  release(): void {
    this.#env.advance()
    this.#deliver()
  }

  #deliver(): void {
    const env = this.#env
    this.#open = true
    while (this.#held.length !== 0) {
      const arrived = this.#held.first
      const skb = this.#held.shift() as SkBuff
      this.#limit.remove(skb)
      env.decided('delay', skb, env.clock.now() - arrived)
      this.#next.push(skb)
    }
  }
}

/**
 * Returns an impairment that holds packets until it is released or taken out of its wire. It drops
 * what exceeds the limit, 1000 packets by default, as `limit`.
 */
export function hold({ limit = { packets: 1000 } }: { limit?: LimitSpec } = {}): HoldGate {
  const params: HoldParams = { limit, stages: new Set() }
  const gate = impairment('hold', params, (p, next, env) => new HoldWire(p, next, env), {
    ...{ words: 'hold', takesGso: true },
  })
  return Object.assign(gate, {
    release: () => {
      for (const stage of [...params.stages]) stage.release()
    },
  })
}
