/** duplicate: sends packets twice. */
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { formatShare, parseShare, shareOf, trimmed } from '../units.ts'
import { type Impairment, impairment, StageWire, type Wire } from '../wire.ts'
import { CorrelatedEvents } from './correlated.ts'

interface DuplicateSpec {
  readonly share: number
  readonly correlation: number
}

class DuplicateWire extends StageWire<DuplicateSpec> implements Wire {
  readonly #events = new CorrelatedEvents(this.env.random)

  push(skb: SkBuff): void {
    const { share, correlation } = this.params
    const copy = this.#events.happens(share, correlation) ? this.env.duplicate(skb) : undefined
    this.next.push(skb)
    if (copy !== undefined) {
      this.next.push(copy)
    }
  }
}

export const duplicateKind: StageKind<DuplicateSpec> = {
  kind: 'duplicate',
  read(c) {
    const share = c.share('duplicate needs a percentage: duplicate 1%')
    return { share, correlation: c.optional(parseShare, 0) }
  },
  print: ({ share, correlation }) =>
    trimmed('duplicate', [share, correlation], [undefined, 0], formatShare),
  copies: () => 2,
  build: (spec, { text }) =>
    impairment('duplicate', spec, (params, next, env) => new DuplicateWire(params, next, env), {
      text,
    }),
}

/**
 * Returns an impairment that sends a share of the packets twice: 0.01, or '1%'. The copy has the
 * same packet id and follows immediately. `correlation` relates successive packets. Without frame
 * memory a packet is not duplicated. Throws a UsageError.
 */
export function duplicate(
  share: number | string,
  { correlation = 0 }: { readonly correlation?: number | string } = {},
): Impairment {
  return stageOf(duplicateKind, { share: shareOf(share), correlation: shareOf(correlation) })
}
