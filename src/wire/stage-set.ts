/**
 * StageSet: the stages of a chain by their names, and how a change makes them from impairments. A
 * stage that keeps its kind, ordinal and branch is changed and keeps its held packets; others are
 * made.
 */
import { EINVAL, type Random, stream, VnetError } from '../base/index.ts'
import { SharedLimit } from './held.ts'
import { Stage, type StageOwner } from './stage.ts'
import type { Impairment, LimitSpec, Wire } from './wire.ts'

export class StageSet {
  readonly #owner: StageOwner
  #seed: number
  /** The stages in the order of the text; stages of a branch follow the stage that contains it. */
  #stages: readonly Stage[] = []
  #isBuilding = false
  /** While a change is made: the stages it keeps or makes, and how many of each kind. */
  #building = new Map<string, Stage | undefined>()
  readonly #ordinals = new Map<string, number>()
  /** What a change does once all its stages are made. */
  #changes: (() => void)[] = []
  readonly #limits = new WeakMap<LimitSpec, SharedLimit>()
  /** Random streams by stage name; a stage that returns continues its own stream. */
  readonly #streams = new Map<string, Random>()

  constructor(owner: StageOwner, seed: number) {
    this.#owner = owner
    this.#seed = seed
  }

  /** Makes the random streams start again from a seed. For a set without stages. */
  reseed(seed: number): void {
    this.#seed = seed
    this.#streams.clear()
  }

  get all(): readonly Stage[] {
    return this.#stages
  }

  /**
   * Makes stages of the impairments, which lead to `end`. Returns the first one, and the removed
   * stages, which the caller keeps until they are empty. If an impairment throws, so does this, and
   * the stages do not change.
   */
  replace(impairments: readonly Impairment[], end: Wire): { first: Wire; gone: Stage[] } {
    const first = this.#compose(impairments, end)
    for (const change of this.#changes) {
      change()
    }
    const before = this.#stages
    this.#stages = [...this.#building.values()].filter(stage => stage !== undefined)
    return { first, gone: before.filter(stage => !this.#stages.includes(stage)) }
  }

  /** Builds the stages of the branch `path`, the last of which leads to `to`. Returns the first. */
  inner(path: string, impairments: readonly Impairment[], to: Wire): Wire {
    if (!this.#isBuilding) {
      throw new VnetError(EINVAL, `${path}inner`, 'call it when the stage is made or changed')
    }
    const stages = impairments.map(impairment => this.#stageOf(path, impairment, to))
    this.#changes.push(() => {
      for (const [i, stage] of stages.entries()) {
        stage.next = stages[i + 1] ?? to
      }
    })
    return stages[0] ?? to
  }

  limit(spec: LimitSpec): SharedLimit {
    const limit = this.#limits.get(spec) ?? new SharedLimit(spec)
    this.#limits.set(spec, limit)
    return limit
  }

  /** Makes the new stages, and closes them if one of them cannot be made. Changes no other. */
  #compose(impairments: readonly Impairment[], end: Wire): Wire {
    this.#ordinals.clear()
    this.#building = new Map()
    this.#changes = []
    this.#isBuilding = true
    try {
      return this.inner('', impairments, end)
    } catch (error) {
      for (const stage of this.#building.values()) {
        if (stage !== undefined && !this.#stages.includes(stage)) {
          stage.close()
        }
      }
      throw error
    } finally {
      this.#isBuilding = false
    }
  }

  #stageOf(path: string, impairment: Impairment, to: Wire): Stage {
    const kind = impairment.kind ?? (impairment.name || 'custom')
    const ordinal = (this.#ordinals.get(kind) ?? 0) + 1
    this.#ordinals.set(kind, ordinal)
    const name = ordinal === 1 ? kind : `${kind} ${ordinal}`
    const before = this.#stages.find(each => each.stage === name)
    // Reserves the place of the stage: those inside it are made before it is.
    this.#building.set(name, undefined)
    const change = before?.path === path ? before.change(impairment) : undefined
    if (before !== undefined && change !== undefined) {
      this.#changes.push(change)
      this.#building.set(name, before)
      return before
    }
    const streamName = `${this.#owner.direction}/${kind}/${ordinal}`
    const random = this.#streams.get(streamName) ?? stream(this.#seed, streamName)
    this.#changes.push(() => this.#streams.set(streamName, random))
    const stage = new Stage(this.#owner, impairment, name, path, random, to)
    this.#building.set(name, stage)
    return stage
  }
}
