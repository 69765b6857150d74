/** truncate: cuts frames short. */
import { UsageError } from '../../base/usage-error.ts'
import { ETH_HLEN } from '../../packet/ethernet.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { print } from '../spec/print.ts'
import { shareOf } from '../units.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '../wire.ts'
import { finishChecksum } from './corrupt.ts'

interface Params {
  readonly bytes: number
  readonly share: number
}

class TruncateWire implements Wire {
  #params: Params
  readonly #next: Wire
  readonly #env: WireEnv

  constructor(params: Params, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
  }

  push(skb: SkBuff): void {
    const { bytes, share } = this.#params
    if (this.#env.random.next() < share && skb.len > bytes) {
      const cut = skb.len - bytes
      finishChecksum(skb)
      skb.trim(bytes)
      this.#env.note('corrupt', skb, cut)
    }
    this.#next.push(skb)
  }

  change(params: unknown): boolean {
    this.#params = params as Params
    return true
  }
}

/**
 * Returns an impairment that cuts frames to `bytes` bytes, Ethernet header included, and counts
 * them as corrupted; shorter ones pass as they are. Lengths and checksums in the headers stay as
 * they were; a partial checksum is completed first. `share` is that of the packets: 0.01, or '1%'.
 * The log has the number of bytes that were cut off. Throws a UsageError.
 */
export function truncate(bytes: number, share: number | string = 1): Impairment {
  if (!(Number.isInteger(bytes) && bytes >= ETH_HLEN)) {
    throw new UsageError(`frames cannot be truncated to ${bytes} bytes: at least ${ETH_HLEN}, the Ethernet header`)
  }
  const params = { bytes, share: shareOf(share) }
  const words = print({ kind: 'truncate', ...params })
  return impairment('truncate', params, (p, next, env) => new TruncateWire(p, next, env), { words })
}
