/** truncate: cuts frames short. */
import { UsageError } from '../../base/usage-error.ts'
import { ETH_HLEN } from '../../packet/ethernet.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { formatShare, join, parseShare, parseSize, shareOf } from '../units.ts'
import { type Impairment, impairment, StageWire, type Wire } from '../wire.ts'
import { finishChecksum } from './corrupt.ts'

interface TruncateSpec {
  readonly bytes: number
  readonly share: number
}

class TruncateWire extends StageWire<TruncateSpec> implements Wire {
  push(skb: SkBuff): void {
    const { bytes, share } = this.params
    if (this.env.random.next() < share && skb.len > bytes) {
      const cut = skb.len - bytes
      finishChecksum(skb)
      skb.trim(bytes)
      this.env.note('corrupt', skb, cut)
    }
    this.next.push(skb)
  }
}

export const truncateKind: StageKind<TruncateSpec> = {
  kind: 'truncate',
  read(c) {
    const bytes = c.value('truncate needs a number of bytes: truncate 64', parseSize)
    return { bytes, share: c.optional(parseShare, 1) }
  },
  print: ({ bytes, share }) => join([`truncate ${bytes}`, share !== 1 && formatShare(share)]),
  build(spec, { text }) {
    const { bytes } = spec
    if (!(Number.isInteger(bytes) && bytes >= ETH_HLEN)) {
      throw new UsageError(
        `frames cannot be truncated to ${bytes} bytes: at least ${ETH_HLEN}, the Ethernet header`,
      )
    }
    return impairment(
      'truncate',
      spec,
      (params, next, env) => new TruncateWire(params, next, env),
      { text },
    )
  },
}

/**
 * Returns an impairment that cuts frames to `bytes` bytes, Ethernet header included, and counts
 * them as corrupted; shorter ones pass unchanged. Lengths and checksums in the headers are not
 * updated; a partial checksum is completed first. `share` is the share of packets: 0.01, or '1%'.
 * The log has the number of bytes that were cut off. Throws a UsageError.
 */
export function truncate(bytes: number, share: number | string = 1): Impairment {
  return stageOf(truncateKind, { bytes, share: shareOf(share) })
}
