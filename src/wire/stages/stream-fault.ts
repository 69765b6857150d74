/**
 * Faults at a byte of TCP streams: a connection ends there, or the link goes silent. `byte 9805` is
 * a position, so that it does not matter how the stream is cut into packets.
 */
import type { SkBuff } from '../../skb/sk-buff.ts'
import {
  type Impairment,
  impairment,
  isSameFilter,
  type Wire,
  type WireEnv,
  type WireFilter,
} from '../wire.ts'
import { BYTE_MAX } from './fault-verbs.ts'
import { carries, type StreamSegment, Streams } from './streams.ts'

/** The faults at a byte that a wire of one direction has. */
export const STREAM_VERBS = ['fin', 'reset', 'mute'] as const
export type StreamVerb = (typeof STREAM_VERBS)[number]

export const isStreamVerb = (verb: unknown): verb is StreamVerb =>
  STREAM_VERBS.some(each => each === verb)

/** A fault at a byte. Of the three counts, which count connections, one is not 0. */
export interface StreamFault {
  /** `silence` is for a pair. */
  readonly action: StreamVerb | 'silence'
  readonly byte: number
  readonly first: number
  readonly nth: number
  readonly every: number
  readonly filter: WireFilter | undefined
  readonly onHit: (() => void) | undefined
}

/** The state of a fault, which both directions of a pair share. */
class StreamState {
  readonly streams: Streams
  /** Whether the direction of the fault drops all frames; for `silence`, both directions. */
  isDead = false
  #counted = 0

  constructor(seesBoth: boolean) {
    this.streams = new Streams(seesBoth)
  }

  /** Counts the connection of a segment that carries the byte. Returns whether it is hit. */
  isHit({ connection }: StreamSegment, { first, nth, every }: StreamFault): boolean {
    // A repetition of the byte of a connection that was not hit.
    if (connection.isCounted) return false
    connection.isCounted = true
    const n = ++this.#counted
    if (first !== 0) return n <= first
    return nth !== 0 ? n === nth : n % every === 0
  }
}

class StreamFaultWire implements Wire {
  #params: StreamFault
  readonly #next: Wire
  readonly #env: WireEnv
  /** Whether it belongs to a pair, so that its state remains. */
  readonly #isOfPair: boolean
  #state: StreamState

  constructor(params: StreamFault, next: Wire, env: WireEnv, shared?: StreamState) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#isOfPair = shared !== undefined
    this.#state = shared ?? new StreamState(false)
  }

  push(skb: SkBuff): void {
    const { action, byte, filter, onHit } = this.#params
    const { streams, isDead } = this.#state
    if (isDead) {
      this.#env.drop(skb, action)
      return
    }
    const segment = streams.see(skb, this.#env.direction)
    if (segment?.connection.cut !== undefined) {
      streams.later(skb, segment, this.#next, this.#env)
    } else if (
      segment === undefined ||
      !carries(segment, byte) ||
      (filter !== undefined && !filter(skb.bytes, skb.data, skb.len)) ||
      !this.#state.isHit(segment, this.#params)
    ) {
      this.#next.push(skb)
    } else {
      onHit?.()
      if (action === 'fin' || action === 'reset') {
        streams.cut(action, skb, segment, byte, this.#next, this.#env)
      } else {
        this.#state.isDead = true
        streams.passBefore(skb, segment, byte, action, this.#next, this.#env)
      }
    }
  }

  /** Forgets connections and counts if a parameter changed. */
  change(params: unknown): (() => void) | undefined {
    if (!isStreamFault(params) || this.#isOfPair) return undefined
    return () => {
      if (!isSame(this.#params, params)) {
        this.#state = new StreamState(false)
      }
      this.#params = params
    }
  }
}

/** The other direction of a pair. */
class BackwardWire implements Wire {
  readonly #params: StreamFault
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #state: StreamState

  constructor(params: StreamFault, next: Wire, env: WireEnv, state: StreamState) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#state = state
  }

  push(skb: SkBuff): void {
    const { streams, isDead } = this.#state
    if (isDead && this.#params.action === 'silence') {
      this.#env.drop(skb, 'silence')
      return
    }
    const segment = streams.see(skb, this.#env.direction)
    if (segment?.connection.cut === undefined) {
      this.#next.push(skb)
    } else {
      streams.later(skb, segment, this.#next, this.#env)
    }
  }
}

/** Returns an impairment of one direction. */
export function streamFault(params: StreamFault, text: string): Impairment {
  return impairment('fault', params, (p, next, env) => new StreamFaultWire(p, next, env), { text })
}

/**
 * Returns the same for both directions of a link: the fault is in the first one. The second one
 * drops the frames of ended connections, is silent, too, after a `silence`, and sees what the
 * receiver has acknowledged: a reset follows the bytes before it when they have arrived.
 */
export function streamFaultPair(
  params: StreamFault,
  text: string,
): readonly [forward: Impairment, backward: Impairment] {
  const state = new StreamState(true)
  const forward = impairment(
    'fault',
    params,
    (p, next, env) => new StreamFaultWire(p, next, env, state),
    { text },
  )
  const backward = impairment(
    'fault',
    params,
    (p, next, env) => new BackwardWire(p, next, env, state),
    { text: `back from ${text}` },
  )
  return [forward, backward]
}

/**
 * Returns why a fault cannot be at this byte, or needs one, or cannot have the other conditions;
 * undefined if it can.
 */
export function byteProblem(
  action: string,
  { byte, data, after }: Readonly<{ byte?: number; data?: unknown; after?: unknown }>,
): string | undefined {
  const isAtByte = isStreamVerb(action) || action === 'silence'
  if (byte === undefined) {
    if (action === 'reset' || !isAtByte) return undefined
    return `${action} needs a byte: ${action} 'tcp port 80' byte 9805`
  }
  if (!isAtByte) return `byte is for ${STREAM_VERBS.join(', ')}, not for ${action}`
  const least = action === 'fin' ? 0 : -1
  if (!(Number.isInteger(byte) && byte >= least && byte <= BYTE_MAX)) {
    const syn = least < 0 ? '; -1 is the SYN' : ''
    return `${action} byte ${byte}: it is a whole number from ${least} to ${BYTE_MAX}${syn}`
  }
  if (data || after !== undefined) {
    return `${action} byte ${byte} has first, nth or every beside it, and no others`
  }
  return undefined
}

const isStreamFault = (params: unknown): params is StreamFault =>
  typeof params === 'object' && params !== null && 'byte' in params

function isSame(a: StreamFault, b: StreamFault): boolean {
  const keys = ['action', 'byte', 'first', 'nth', 'every'] as const
  return isSameFilter(a.filter, b.filter) && keys.every(key => a[key] === b[key])
}
