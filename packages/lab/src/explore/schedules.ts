/** Schedules: sets of faults that a seed draws. A run survives each of the faults alone. */

import { stream } from 'vnet/kit/base'
import type { Random } from 'vnet/net'
import { formatName } from '../model/packet-name.ts'
import type { Trial } from './sets.ts'

/** The faults that a schedule should have. A fault and its repair count as one. */
const LEAST_FAULTS = 2
const MOST_FAULTS = 5
/** Draws for a schedule. A fault is discarded if its packet has another one. */
const DRAWS = 20

/** With the names of the packets of its faults. */
interface NamedTrial extends Trial {
  readonly names: readonly string[]
}

type SchedulesOptions = Readonly<{ count: number; seed: number }>

/**
 * Draws sets of two to five faults from the faults that runs survive one by one. Each iteration
 * draws the same sets.
 */
export class Schedules implements Iterable<Trial> {
  /** The faults by their kinds, so that each kind is drawn as often as others. */
  readonly #kinds: readonly (readonly NamedTrial[])[]
  readonly #options: SchedulesOptions

  /** `pool` is in the order of its packets. The same pool and seed have the same schedules. */
  constructor(pool: readonly Trial[], options: SchedulesOptions) {
    const all = pool.map(trial => ({ ...trial, names: trial.faults.map(formatName) }))
    const usable = all.filter(one => all.some(other => areApart(one, other)))
    const kinds = [...new Set(usable.map(({ kind }) => kind))]
    this.#kinds = kinds.map(kind => usable.filter(trial => trial.kind === kind))
    this.#options = options
  }

  /** Whether there are two faults that no packet has both of. */
  get canDraw(): boolean {
    return this.#kinds.length > 0
  }

  *[Symbol.iterator](): Iterator<Trial> {
    const { count, seed } = this.#options
    const chance = stream(seed, 'schedules')
    for (let i = 0; i < count; i++) {
      yield this.#draw(chance)
    }
  }

  /** Returns a schedule in the order of its packets, none of which has two faults. */
  #draw(chance: Random): Trial {
    const size = LEAST_FAULTS + chance.below(MOST_FAULTS - LEAST_FAULTS + 1)
    const drawn: NamedTrial[] = []
    for (let left = DRAWS; left > 0 && drawn.length < size; left--) {
      const kind = this.#kinds[chance.below(this.#kinds.length)] as readonly NamedTrial[]
      const trial = kind[chance.below(kind.length)] as NamedTrial
      if (drawn.every(other => areApart(trial, other))) {
        drawn.push(trial)
      }
    }
    const [first] = drawn as [NamedTrial]
    if (drawn.length < LEAST_FAULTS) {
      const others = this.#kinds.flat().filter(other => areApart(first, other))
      drawn.push(others[chance.below(others.length)] as NamedTrial)
    }
    drawn.sort((a, b) => a.packet - b.packet)
    const [{ packet, kind }] = drawn as [NamedTrial]
    return { packet, kind, faults: drawn.flatMap(({ faults }) => faults) }
  }
}

function areApart({ names: one }: NamedTrial, { names: other }: NamedTrial): boolean {
  return !one.some(name => other.includes(name))
}
