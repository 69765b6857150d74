/**
 * Phrase: the parsed words of one stage. Times are in ns, shares from 0
 * to 1, rates in bit/s, sizes in bytes. A phrase has no part of the program in it: it can be
 * printed and compared.
 */
import type { LossParams } from '../stages/loss-models.ts'
import type { LimitSpec } from '../wire.ts'

export type Phrase =
  | GatePhrase
  | MtuPhrase
  | FaultPhrase
  | MatchPhrase
  | LossPhrase
  | DuplicatePhrase
  | CorruptPhrase
  | TruncatePhrase
  | RatePhrase
  | TracePhrase
  | DelayPhrase
  | SlotPhrase

export interface GatePhrase {
  readonly kind: 'partition' | 'blackhole' | 'hold'
}

export interface MtuPhrase {
  readonly kind: 'mtu'
  readonly bytes: number
  readonly icmp: boolean
}

export interface FaultPhrase {
  readonly kind: 'fault'
  readonly action: 'drop' | 'duplicate' | 'delay' | 'corrupt' | 'reset'
  /** Of the action `delay`. */
  readonly time?: number
  /** Empty for all packets. */
  readonly filter: string
  readonly when: WhenPhrase
}

/** At most one of first, nth and every; `after` alone, or with one of them. */
export interface WhenPhrase {
  readonly first?: number
  readonly nth?: number
  readonly every?: number
  readonly after?: number
}

export interface MatchPhrase {
  readonly kind: 'match'
  readonly filter: string
  readonly matching: readonly Group[]
  readonly others: readonly Group[]
}

export interface LossPhrase {
  readonly kind: 'loss'
  readonly model: LossParams
  readonly ecn: boolean
}

export interface DuplicatePhrase {
  readonly kind: 'duplicate'
  readonly share: number
  readonly correlation: number
}

export interface CorruptPhrase {
  readonly kind: 'corrupt'
  readonly share: number
  readonly correlation: number
  /** The byte of the frame; a random one without it. */
  readonly at?: number
}

export interface TruncatePhrase {
  readonly kind: 'truncate'
  readonly bytes: number
  readonly share: number
}

export interface RatePhrase {
  readonly kind: 'rate'
  readonly bits: number
  readonly overhead: number
  readonly cell: number
  readonly cellOverhead: number
  readonly burst?: number
  readonly queue?: Queue
}

export interface TracePhrase {
  readonly kind: 'trace'
  readonly file: string
  readonly once: boolean
  readonly queue?: Queue
}

export type Queue =
  | { readonly type: 'droptail' | 'drophead' }
  | RedQueue
  | { readonly type: 'codel'; readonly target?: number; readonly interval?: number; readonly ecn: boolean }

export interface RedQueue {
  readonly type: 'red'
  readonly min?: number
  readonly max?: number
  readonly probability?: number
  readonly ecn: boolean
}

export interface DelayPhrase {
  readonly kind: 'delay'
  readonly time: number
  readonly jitter: number
  readonly correlation: number
  /** A name, or the path of a table. */
  readonly distribution: string
  readonly reorder?: { readonly share: number; readonly correlation: number; readonly gap: number }
}

export interface SlotPhrase {
  readonly kind: 'slot'
  readonly min: number
  readonly max: number
  /** If it is set, delays are drawn from it and min and max are 0. */
  readonly distribution?: { readonly name: string; readonly delay: number; readonly jitter: number }
  /** 0 is no limit. */
  readonly packets: number
  readonly bytes: number
}

/** Stages written in one go, in their order. */
export interface Group {
  readonly items: readonly Item[]
  /** What `limit` says; undefined without it. */
  readonly limit: LimitSpec | undefined
}

/** A phrase and the words that it was read from. */
export interface Item {
  readonly phrase: Phrase
  readonly words: string
  readonly at: number
  readonly end: number
}

/** The order of stages that are written in one go. */
const ORDER: readonly Phrase['kind'][] = [
  ...(['partition', 'blackhole', 'hold', 'mtu', 'fault', 'match'] as const),
  ...(['loss', 'duplicate', 'corrupt', 'truncate'] as const),
  ...(['rate', 'trace', 'delay', 'slot'] as const),
]

/** Sorts the items of a group. Faults and matches stay in the order in which they were written. */
export function ordered(items: readonly Item[]): Item[] {
  return [...items].sort((a, b) => ORDER.indexOf(a.phrase.kind) - ORDER.indexOf(b.phrase.kind))
}

/** True if a phrase holds packets, which the group's limit bounds. */
export function isLimited({ kind }: Phrase): boolean {
  return kind === 'hold' || kind === 'rate' || kind === 'trace' || kind === 'delay' || kind === 'slot'
}
