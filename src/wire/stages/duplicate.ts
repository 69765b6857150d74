/** duplicate: sends packets twice. */
import type { SkBuff } from '../../skb/sk-buff.ts'
import { print } from '../spec/print.ts'
import { shareOf } from '../units.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '../wire.ts'
import { CorrelatedEvents } from './correlated.ts'

interface Params {
  readonly share: number
  readonly correlation: number
}

class DuplicateWire implements Wire {
  #params: Params
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #events: CorrelatedEvents

  constructor(params: Params, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#events = new CorrelatedEvents(env.random)
  }

  push(skb: SkBuff): void {
    const { share, correlation } = this.#params
    const copy = this.#events.happens(share, correlation) ? this.#env.duplicate(skb) : undefined
    this.#next.push(skb)
    if (copy !== undefined) this.#next.push(copy)
  }

  change(params: unknown): boolean {
    this.#params = params as Params
    return true
  }
}

/**
 * Returns an impairment that sends a share of the packets twice: 0.01, or '1%'. The copy has the
 * same packet id and follows immediately. `correlation` is that of successive packets. Without
 * frame memory a packet is not duplicated. Throws a UsageError.
 */
export function duplicate(
  share: number | string,
  { correlation = 0 }: { readonly correlation?: number | string } = {},
): Impairment {
  const params = { share: shareOf(share), correlation: shareOf(correlation) }
  const words = print({ kind: 'duplicate', ...params })
  return impairment('duplicate', params, (p, next, env) => new DuplicateWire(p, next, env), { words })
}
