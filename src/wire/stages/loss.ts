/** loss: drops packets by a model of loss, or marks them as having met congestion. */
import { UsageError } from '../../base/usage-error.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { print } from '../spec/print.ts'
import { formatShare, shareOf } from '../units.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '../wire.ts'
import { markCe } from './ecn.ts'
import { type GemodelParams, type LossModel, type LossParams, lossModel, type StateParams } from './loss-models.ts'

export interface LossOptions {
  /** Marks packets of ECN-capable transports (RFC 3168) in place of dropping them. */
  readonly ecn?: boolean
}

interface Params {
  readonly model: LossParams
  readonly ecn: boolean
}

class LossWire implements Wire {
  #ecn: boolean
  #model: LossModel
  readonly #next: Wire
  readonly #env: WireEnv

  constructor({ model, ecn }: Params, next: Wire, env: WireEnv) {
    this.#ecn = ecn
    this.#model = lossModel(model, env.random)
    this.#next = next
    this.#env = env
  }

  push(skb: SkBuff): void {
    if (this.#model.lost()) {
      if (!this.#ecn || !markCe(skb)) {
        this.#env.drop(skb, 'loss')
        return
      }
      this.#env.note('mark', skb)
    }
    this.#next.push(skb)
  }

  /** Keeps the state of a model that stays. */
  change(params: unknown): boolean {
    const { model, ecn } = params as Params
    if (model.model === this.#model.params.model) this.#model.params = model
    else this.#model = lossModel(model, this.#env.random)
    this.#ecn = ecn
    return true
  }
}

/**
 * Returns an impairment that drops a share of the packets: 0.01, or '1%'. Without options each is
 * lost by itself. `correlation` is the correlation coefficient of successive losses: a loss follows
 * a loss with probability share + correlation (1 - share). `burst` loses packets in bursts of this
 * mean length. The share is kept either way. Throws a UsageError.
 */
export function loss(
  share: number | string,
  { correlation, burst, ecn }: LossOptions & { readonly correlation?: number | string; readonly burst?: number } = {},
): Impairment {
  const lost = shareOf(share)
  if (burst === undefined) {
    return make({ model: 'random', share: lost, correlation: shareOf(correlation ?? 0) }, ecn)
  }
  if (correlation !== undefined) throw new UsageError('a loss in bursts has no correlation: leave one of them out')
  if (!(burst >= 1)) throw new UsageError(`${burst} is not a mean length of bursts: at least 1 packet`)
  const most = burst / (burst + 1)
  if (lost > most) {
    throw new UsageError(`bursts of ${burst} packets lose at most ${formatShare(most)}: take longer ones`)
  }
  return make({ model: 'burst', share: lost, mean: burst }, ecn)
}

/** Probabilities: numbers from 0 to 1, or percentages. */
type Shares<P> = { readonly [K in keyof P]?: number | string }

/**
 * Returns an impairment that drops packets by the model of four states of tc-netem(8): 1 sent in a
 * gap, 2 sent in a burst, 3 lost in a burst, 4 lost alone. By default p31 is 1 - p13, p32 and p14
 * are 0, and p23 is 1. Throws a UsageError.
 */
export function lossState(
  p: Shares<StateParams> & { readonly p13: number | string },
  { ecn }: LossOptions = {},
): Impairment {
  const p13 = shareOf(p.p13)
  const [p31, p32] = [shareOf(p.p31 ?? 1 - p13), shareOf(p.p32 ?? 0)]
  const [p23, p14] = [shareOf(p.p23 ?? 1), shareOf(p.p14 ?? 0)]
  if (p13 + p14 > 1 + Number.EPSILON)
    throw new UsageError(`p13 and p14 are ${formatShare(p13 + p14)} together: at most 100%`)
  if (p31 + p32 > 1 + Number.EPSILON)
    throw new UsageError(`p31 and p32 are ${formatShare(p31 + p32)} together: at most 100%`)
  return make({ model: 'state', p13, p31, p32, p23, p14 }, ecn)
}

/**
 * Returns an impairment that drops packets by the Gilbert-Elliott model: `p` from good to bad, `r`
 * back, a loss with probability `h` in the bad state and `k` in the good one. (The words and tc(8)
 * write these two as 1-h and 1-k.) By default r is 1 - p, h is 1 and k is 0. Throws a UsageError.
 */
export function lossGemodel(
  params: Shares<GemodelParams> & { readonly p: number | string },
  { ecn }: LossOptions = {},
): Impairment {
  const p = shareOf(params.p)
  const [r, h, k] = [shareOf(params.r ?? 1 - p), shareOf(params.h ?? 1), shareOf(params.k ?? 0)]
  return make({ model: 'gemodel', p, r, h, k }, ecn)
}

/** Returns an impairment that drops every nth packet. Throws a UsageError. */
export function lossEvery(n: number, { ecn }: LossOptions = {}): Impairment {
  if (!(Number.isInteger(n) && n >= 1)) throw new UsageError(`every ${n}: it must be a whole number, at least 1`)
  return make({ model: 'every', n }, ecn)
}

function make(model: LossParams, ecn = false): Impairment {
  const words = print({ kind: 'loss', model, ecn })
  return impairment('loss', { model, ecn }, (p, next, env) => new LossWire(p, next, env), { words })
}
