/** loss: drops packets by a model of loss, or marks them as having met congestion. */
import { type Random, UsageError } from '../../base/index.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { Cursor } from '../grammar/cursor.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { formatShare, join, parseShare, shareOf, trimmed } from '../units.ts'
import { type Impairment, impairment, StageWire, type Wire } from '../wire.ts'
import { CorrelatedEvents } from './correlated.ts'
import { markCe } from './ecn.ts'

/** The models: which packets are lost. They depend on the order of packets, not on the time. */
type LossParams =
  | { readonly model: 'random'; readonly share: number; readonly correlation: number }
  | { readonly model: 'burst'; readonly share: number; readonly mean: number }
  | ({ readonly model: 'state' } & StateParams)
  | ({ readonly model: 'gemodel' } & GemodelParams)
  | { readonly model: 'every'; readonly n: number }

type StateParams = Readonly<Record<'p13' | 'p31' | 'p32' | 'p23' | 'p14', number>>

interface GemodelParams {
  /** From good to bad, and back. */
  readonly p: number
  readonly r: number
  /** The share lost in the bad state: `1-h` in tc(8), the value after `r` in the text. */
  readonly h: number
  /** The share lost in the good state: `1-k` in tc(8), the last value in the text. */
  readonly k: number
}

type Of<M extends LossParams['model']> = Extract<LossParams, { readonly model: M }>

/** Returns true if the next packet is lost. Its state outlives a change of the parameters. */
type Lost<P> = (params: P) => boolean

/** Each model in its first state, in which losses are rare. */
const MODELS: { readonly [M in LossParams['model']]: (random: Random) => Lost<Of<M>> } = {
  random(random) {
    const events = new CorrelatedEvents(random)
    return ({ share, correlation }) => events.happens(share, correlation)
  },

  /** Bursts of geometric length that lose every packet, as often as the share demands. */
  burst(random) {
    let burst = false
    return ({ share, mean }) => {
      burst = random.next() < (burst ? 1 - 1 / mean : share / (mean * (1 - share)))
      return burst
    }
  },

  /**
   * Four states, of which a packet gets the new one: 1 sent in a gap, 2 sent in a burst, 3 lost in
   * a burst, 4 lost alone in a gap (Salsano, Ludovici, Ordine, "Definition of a general and
   * intuitive loss model for packet networks", 2009; tc-netem(8)).
   */
  state(random) {
    let state = 1
    return ({ p13, p31, p32, p23, p14 }) => {
      const x = random.next()
      if (state === 1) {
        if (x < p14) {
          state = 4
        } else if (x < p14 + p13) {
          state = 3
        }
      } else if (state === 2) {
        if (x < p23) {
          state = 3
        }
      } else if (state === 3) {
        if (x < p32) {
          state = 2
        } else if (x < p32 + p31) {
          state = 1
        }
      } else {
        state = 1
      }
      return state >= 3
    }
  },

  /**
   * Two states with a probability of loss each (Gilbert, 1960; Elliott, 1963). As in netem the
   * transition is drawn first, and the loss by the state before it.
   */
  gemodel(random) {
    let bad = false
    return ({ p, r, h, k }) => {
      const probability = bad ? h : k
      if (random.next() < (bad ? r : p)) {
        bad = !bad
      }
      return random.next() < probability
    }
  },

  /** Every nth packet, the first after n - 1 others. */
  every() {
    let since = 0
    return ({ n }) => {
      since++
      if (since < n) return false
      since = 0
      return true
    }
  },
}

interface LossSpec {
  readonly model: LossParams
  readonly ecn: boolean
}

class LossWire extends StageWire<LossSpec> implements Wire {
  #lost = this.#makeLost()

  push(skb: SkBuff): void {
    const { model, ecn } = this.params
    if (this.#lost(model)) {
      if (!ecn || !markCe(skb)) {
        this.env.drop(skb, 'loss')
        return
      }
      this.env.note('mark', skb)
    }
    this.next.push(skb)
  }

  protected override update(params: LossSpec): void {
    const before = this.params.model.model
    super.update(params)
    if (params.model.model !== before) {
      this.#lost = this.#makeLost()
    }
  }

  #makeLost(): Lost<LossParams> {
    return MODELS[this.params.model.model](this.env.random) as Lost<LossParams>
  }
}

export const lossKind: StageKind<LossSpec> = {
  kind: 'loss',
  inner: { ecn: 'ecn follows a loss model, red or codel: loss 1% ecn' },
  read: c => ({ model: readModel(c), ecn: c.takes('ecn') }),
  print: ({ model, ecn }) => join([`loss ${printModel(model)}`, ecn && 'ecn']),
  build(spec, { text }) {
    checkModel(spec.model)
    return impairment('loss', spec, (params, next, env) => new LossWire(params, next, env), {
      text,
    })
  },
}

function readModel(c: Cursor): LossParams {
  const readMean = () =>
    c.value('burst needs a mean number of packets: loss 1% burst 5', meanLength)
  if (c.takes('state')) {
    const p13 = c.share('loss state needs the percentage p13: loss state 1%')
    const defaults = [1 - p13, 0, 1, 0] as const
    const [p31, p32, p23, p14] = defaults.map(absent => c.optional(parseShare, absent))
    return { model: 'state', p13, p31, p32, p23, p14 }
  }
  if (c.takes('gemodel')) {
    const p = c.share('loss gemodel needs the percentage p: loss gemodel 1%')
    const [r, h, k] = [1 - p, 1, 0].map(absent => c.optional(parseShare, absent))
    return { model: 'gemodel', p, r, h, k }
  }
  if (c.takes('every')) {
    return {
      model: 'every',
      n: c.whole('every needs a number of packets: loss every 10', 'a count'),
    }
  }
  if (c.takes('burst')) {
    const mean = readMean()
    return {
      model: 'burst',
      share: c.share('loss burst needs a percentage: loss burst 5 1%'),
      mean,
    }
  }
  c.takes('random')
  const share = c.share('loss needs a percentage, or state, gemodel, burst or every: loss 1%')
  const correlation = c.optional(parseShare, 0)
  if (correlation === 0 && c.takes('burst')) return { model: 'burst', share, mean: readMean() }
  return { model: 'random', share, correlation }
}

/** Parses a number that need not be whole, of at least 1: the mean length of a burst. */
function meanLength(text: string): number {
  const n = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
  if (!(n >= 1)) {
    throw new UsageError(`'${text}' is not a mean number of packets: a number of at least 1`)
  }
  return n
}

function printModel(model: LossParams): string {
  switch (model.model) {
    case 'state': {
      const { p13, p31, p32, p23, p14 } = model
      return trimmed('state', [p13, p31, p32, p23, p14], [undefined, 1 - p13, 0, 1, 0], formatShare)
    }
    case 'gemodel': {
      const { p, r, h, k } = model
      return trimmed('gemodel', [p, r, h, k], [undefined, 1 - p, 1, 0], formatShare)
    }
    case 'every':
      return `every ${model.n}`
    case 'burst':
      return `${formatShare(model.share)} burst ${model.mean}`
    case 'random':
      return join([
        formatShare(model.share),
        model.correlation !== 0 && formatShare(model.correlation),
      ])
  }
}

function checkModel(model: LossParams): void {
  if (model.model === 'burst') {
    const { share, mean } = model
    const most = mean / (mean + 1)
    if (share <= most) return
    throw new UsageError(
      `bursts of ${mean} packets lose at most ${formatShare(most)}: take longer ones`,
    )
  }
  if (model.model !== 'state') return
  const { p13, p14, p31, p32 } = model
  if (p13 + p14 > 1 + Number.EPSILON) {
    throw new UsageError(`p13 and p14 are ${formatShare(p13 + p14)} together: at most 100%`)
  }
  if (p31 + p32 > 1 + Number.EPSILON) {
    throw new UsageError(`p31 and p32 are ${formatShare(p31 + p32)} together: at most 100%`)
  }
}

/** The common options of loss(), lossState(), lossGemodel() and lossEvery(). */
export interface LossOptions {
  /** Marks packets of ECN-capable transports (RFC 3168) in place of dropping them. */
  readonly ecn?: boolean
}

/**
 * Returns an impairment that drops a share of the packets: 0.01, or '1%'. Without options each is
 * lost by itself. `correlation` is the correlation coefficient of successive losses: a loss follows
 * a loss with probability share + correlation (1 - share). `burst` loses packets in bursts of this
 * mean length. The share is kept either way. Throws a UsageError.
 */
export function loss(
  share: number | string,
  {
    correlation,
    burst,
    ecn,
  }: LossOptions & { readonly correlation?: number | string; readonly burst?: number } = {},
): Impairment {
  const lost = shareOf(share)
  if (burst === undefined) {
    return make({ model: 'random', share: lost, correlation: shareOf(correlation ?? 0) }, ecn)
  }
  if (correlation !== undefined) {
    throw new UsageError('a loss in bursts has no correlation: leave one of them out')
  }
  if (!(burst >= 1)) {
    throw new UsageError(`${burst} is not a mean length of bursts: at least 1 packet`)
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
  if (!(Number.isInteger(n) && n >= 1)) {
    throw new UsageError(`every ${n}: it must be a whole number, at least 1`)
  }
  return make({ model: 'every', n }, ecn)
}

const make = (model: LossParams, ecn = false): Impairment => stageOf(lossKind, { model, ecn })
