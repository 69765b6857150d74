/** The stages of a NAT on the cable outside a router: one for each direction, of one Nat. */
import { skbChecksumHelp } from '../../netdev/gso.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '../../wire/wire.ts'
import type { Nat } from './nat.ts'

class NatWire implements Wire {
  readonly #nat: Nat
  readonly #next: Wire
  readonly #env: WireEnv

  constructor(nat: Nat, next: Wire, env: WireEnv) {
    this.#nat = nat
    this.#next = next
    this.#env = env
  }

  push(skb: SkBuff): void {
    // A partial checksum has the sum of the addresses in it.
    skbChecksumHelp(skb)
    const { bytes, data, len } = skb
    const now = this.#env.clock.now()
    // The router is the first end.
    const verdict =
      this.#env.direction === 'ab'
        ? this.#nat.outbound(bytes, data, len, now)
        : this.#nat.inbound(bytes, data, len, now)
    if (verdict === 'pass') this.#next.push(skb)
    else this.#env.drop(skb, verdict)
  }

  change(params: unknown): boolean {
    return params === this.#nat
  }
}

/**
 * Returns the stage that translates by `nat`: first of those from the router, last of those to it,
 * so that everything else on the cable meets the addresses outside.
 */
export function natStage(nat: Nat): Impairment {
  return impairment('nat', nat, (params, next, env) => new NatWire(params, next, env), { words: 'nat' })
}
