/**
 * Models of loss: which packets are lost. They depend on the order of packets, not on the time.
 */
import type { Random } from '../../base/random.ts'
import { CorrelatedEvents } from './correlated.ts'

export type LossParams =
  | { readonly model: 'random'; readonly share: number; readonly correlation: number }
  | { readonly model: 'burst'; readonly share: number; readonly mean: number }
  | ({ readonly model: 'state' } & StateParams)
  | ({ readonly model: 'gemodel' } & GemodelParams)
  | { readonly model: 'every'; readonly n: number }

/** Probabilities of the transitions of the model of four states. */
export interface StateParams {
  readonly p13: number
  readonly p31: number
  readonly p32: number
  readonly p23: number
  readonly p14: number
}

/** Probabilities of the Gilbert-Elliott model. */
export interface GemodelParams {
  /** From good to bad, and back. */
  readonly p: number
  readonly r: number
  /** Of a loss in the bad state: `1-h` in tc(8), the value after `r` in the words. */
  readonly h: number
  /** Of a loss in the good state: `1-k` in tc(8), the last value in the words. */
  readonly k: number
}

export interface LossModel<P extends LossParams = LossParams> {
  /** A change of the wire sets it; the model keeps its state. */
  params: P
  /** Returns true if the next packet is lost. */
  lost(): boolean
}

type Of<M extends LossParams['model']> = Extract<LossParams, { readonly model: M }>

function randomLoss(params: Of<'random'>, random: Random): LossModel<Of<'random'>> {
  const events = new CorrelatedEvents(random)
  return {
    params,
    lost(): boolean {
      return events.happens(this.params.share, this.params.correlation)
    },
  }
}

/**
 * Bursts in which every packet is lost. They have a geometric length of the asked mean, and start
 * so often that the asked share is lost.
 */
function burstLoss(params: Of<'burst'>, random: Random): LossModel<Of<'burst'>> {
  let burst = false
  return {
    params,
    lost(): boolean {
      const { share, mean } = this.params
      burst = random.next() < (burst ? 1 - 1 / mean : share / (mean * (1 - share)))
      return burst
    },
  }
}

/**
 * Four states, of which a packet gets the new one: 1 sent in a gap, 2 sent in a burst, 3 lost in a
 * burst, 4 lost alone in a gap (Salsano, Ludovici, Ordine, "Definition of a general and intuitive
 * loss model for packet networks", 2009; tc-netem(8)).
 */
function stateLoss(params: Of<'state'>, random: Random): LossModel<Of<'state'>> {
  let state = 1
  return {
    params,
    lost(): boolean {
      const { p13, p31, p32, p23, p14 } = this.params
      const x = random.next()
      if (state === 1) state = x < p14 ? 4 : x < p14 + p13 ? 3 : 1
      else if (state === 2) state = x < p23 ? 3 : 2
      else if (state === 3) state = x < p32 ? 2 : x < p32 + p31 ? 1 : 3
      else state = 1
      return state >= 3
    },
  }
}

/**
 * Two states with a probability of loss each (Gilbert, 1960; Elliott, 1963). As in netem the
 * transition is drawn first, and the loss by the state before it.
 */
function gemodelLoss(params: Of<'gemodel'>, random: Random): LossModel<Of<'gemodel'>> {
  let bad = false
  return {
    params,
    lost(): boolean {
      const { p, r, h, k } = this.params
      const loss = bad ? h : k
      if (random.next() < (bad ? r : p)) bad = !bad
      return random.next() < loss
    },
  }
}

/** Every nth packet, the first after n - 1 others. */
function everyLoss(params: Of<'every'>): LossModel<Of<'every'>> {
  let since = 0
  return {
    params,
    lost(): boolean {
      since++
      if (since < this.params.n) return false
      since = 0
      return true
    },
  }
}

const MODELS = { random: randomLoss, burst: burstLoss, state: stateLoss, gemodel: gemodelLoss, every: everyLoss }

/** Returns a model in its first state, in which losses are rare. */
export function lossModel(params: LossParams, random: Random): LossModel {
  return (MODELS[params.model] as (params: LossParams, random: Random) => LossModel)(params, random)
}
