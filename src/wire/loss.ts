/** loss: drops packets at random. */
import { parseShare } from './units.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from './wire.ts'

interface LossParams {
  readonly share: number
}

class LossWire implements Wire {
  #params: LossParams
  readonly #next: Wire
  readonly #env: WireEnv

  constructor(params: LossParams, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
  }

  push(skb: Parameters<Wire['push']>[0]): void {
    if (this.#env.random.next() < this.#params.share) this.#env.drop(skb, 'loss')
    else this.#next.push(skb)
  }

  change(params: unknown): boolean {
    this.#params = params as LossParams
    return true
  }
}

/** Returns an impairment that drops a share of the packets, each by itself: 0.01, or '1%'. */
export function loss(share: number | string): Impairment {
  const params = { share: typeof share === 'number' ? share : parseShare(share) }
  const words = `loss ${100 * params.share}%`
  return impairment('loss', params, (p, next, env) => new LossWire(p, next, env), { words })
}
