/** CableFault: a fault of a test in the worker that carries the frames. */
import type { WireResources } from 'vnet/kit/netdev'
import {
  fault,
  faultPair,
  type Impairment,
  impairment,
  type Wire,
  type WireFilter,
} from 'vnet/wire'
import type { connectionFault } from './connection-fault.ts'
import type { FaultSpec } from './protocol.ts'

interface Waiting {
  readonly n: number
  resolve(): void
  reject(error: Error): void
}

/**
 * A fault that a test has added to one direction of a link, as an impairment that counts its hits.
 * The cable that made it places `stage` before the stages of the text, and `back`, if there is one,
 * in the other direction. It calls `end` when the fault is removed, or the link is reset or closed.
 */
export class CableFault {
  readonly stage: Impairment
  /** The part of a fault at a byte that sees the other direction. */
  readonly back: Impairment | undefined
  readonly #hits: Int32Array
  readonly #waiting = new Set<Waiting>()

  /**
   * `ordinal` counts the faults of the cable, from 1. Throws a UsageError if the filter or `when`
   * is wrong.
   */
  constructor(
    ordinal: number,
    spec: FaultSpec,
    resources: WireResources,
    ofConnection?: typeof connectionFault,
  ) {
    const { filter, hits } = spec
    this.#hits = new Int32Array(hits)
    const matches = filter === undefined ? undefined : resources.filter(filter)
    const onHit = () => this.#onHit()
    // Each is a kind of its own, so that another fault added or removed does not change its count.
    // Its random decisions are made from the kind: with the same seed, the same ones in each run.
    const own = (made: Impairment): Impairment =>
      Object.assign(((next, env) => made(next, env)) as Impairment, made, {
        kind: `fault ${ordinal}`,
      })
    const [stage, back] =
      ofConnection === undefined ? stagesOf(spec, matches, onHit) : ofConnection(spec, onHit)
    this.stage = own(stage)
    this.back = back && own(back)
  }

  /** Settles when the fault has hit `n` packets in all. Rejects if the fault ends before. */
  hit(n: number): Promise<void> {
    if (Atomics.load(this.#hits, 0) >= n) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.add({ n, resolve, reject }))
  }

  /** Rejects the pending calls of `hit`. Their message starts with `why`. */
  end(why: string): void {
    for (const { n, reject } of this.#waiting) {
      reject(new Error(`${why} after ${Atomics.load(this.#hits, 0)} of ${n} hits`))
    }
    this.#waiting.clear()
  }

  #onHit(): void {
    const hits = Atomics.add(this.#hits, 0, 1) + 1
    if (this.#waiting.size === 0) return
    for (const waiting of this.#waiting) {
      if (hits < waiting.n) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }
}

function stagesOf(
  { action, when }: FaultSpec,
  matches: WireFilter | undefined,
  onHit: () => void,
): readonly [stage: Impairment, back?: Impairment] {
  return action === 'pass' ? [counting(matches, onHit)] : faultStages(action, matches, when, onHit)
}

/**
 * Returns the stage of a fault, and one for the other direction if its byte needs it. Throws a
 * UsageError.
 */
export function faultStages(
  action: Exclude<FaultSpec['action'], 'pass'>,
  filter: WireFilter | undefined,
  when: FaultSpec['when'],
  onHit?: () => void,
): readonly [stage: Impairment, back?: Impairment] {
  const isAtByte = action === 'fin' || action === 'reset' || action === 'mute'
  if (action === 'silence' || (isAtByte && when.byte !== undefined)) {
    return faultPair(action, filter, when, onHit)
  }
  return [fault(action, filter, when, onHit)]
}

/** Calls `onHit` with each packet that matches; frames that the kernel has not cut remain whole. */
function counting(matches: WireFilter | undefined, onHit: () => void): Impairment {
  const make = (_: null, next: Wire): Wire => ({
    push(skb) {
      if (matches?.(skb.bytes, skb.data, skb.len) !== false) {
        onHit()
      }
      next.push(skb)
    },
    change: () => () => {},
  })
  return impairment('count', null, make, { text: 'count', takesGso: true })
}
