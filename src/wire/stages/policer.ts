/**
 * policer: drops packets that exceed a rate, and holds none. It is a token bucket of `burst` bytes,
 * full at the start and filled at the rate. A packet that finds as many tokens as it has bytes
 * takes them and passes; any other is dropped, as `policer`.
 */
import { NSEC_PER_SEC, UsageError } from '../../base/index.ts'
import { ETH_ZLEN } from '../../packet/ethernet.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { formatRate, formatSize, parseSize, rateOf, sizeOf } from '../units.ts'
import { type Impairment, impairment, StageWire, type Wire } from '../wire.ts'

interface PolicerSpec {
  readonly bits: number
  readonly burst: number
}

class PolicerWire extends StageWire<PolicerSpec> implements Wire {
  #tokens = this.params.burst
  #counted = this.env.clock.now()

  push(skb: SkBuff): void {
    this.#fill()
    if (skb.len > this.#tokens) {
      this.env.drop(skb, 'policer')
      return
    }
    this.#tokens -= skb.len
    this.next.push(skb)
  }

  /** The bucket keeps its tokens, up to its new size. */
  protected override update(params: PolicerSpec): void {
    this.#fill()
    super.update(params)
    this.#tokens = Math.min(this.#tokens, params.burst)
  }

  #fill(): void {
    const { bits, burst } = this.params
    const now = this.env.clock.now()
    this.#tokens = Math.min(
      burst,
      this.#tokens + ((now - this.#counted) * bits) / (8 * NSEC_PER_SEC),
    )
    this.#counted = now
  }
}

export const policerKind: StageKind<PolicerSpec> = {
  kind: 'policer',
  read(c) {
    const bits = c.rate('policer needs a rate: policer 10mbit burst 15kb')
    if (!c.takes('burst')) throw c.error('policer needs a burst: policer 10mbit burst 15kb')
    const burst = c.value('burst needs a size: burst 15kb', parseSize)
    c.checkRoom(burst, c.last)
    return { bits, burst }
  },
  print: ({ bits, burst }) => `policer ${formatRate(bits)} burst ${formatSize(burst)}`,
  build: (spec, { text }) =>
    impairment('policer', spec, (p, next, env) => new PolicerWire(p, next, env), { text }),
}

/**
 * Returns an impairment that drops packets above `bits` per second, 1e7 or '10mbit', beyond a burst
 * in bytes or with a unit. Packets count from the Ethernet header on. Throws a UsageError.
 */
export function policer(bits: number | string, burst: number | string): Impairment {
  const bitsPerSecond = rateOf(bits, 'policer')
  const bytes = sizeOf(burst)
  if (!(bytes >= ETH_ZLEN)) {
    throw new UsageError(`policer: a burst of ${bytes} bytes passes no frame`)
  }
  return stageOf(policerKind, { bits: bitsPerSecond, burst: bytes })
}
