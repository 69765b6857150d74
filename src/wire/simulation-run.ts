/** SimulationRun: a simulation of wires as texts, which the steps of a scenario change. */
import { FileError } from '../base/usage-error.ts'
import type { ScenarioList, ScenarioStep, WireResources } from '../netdev/device-wire.ts'
import type { ParsedText } from './params.ts'
import { parseWire } from './parse.ts'
import { Simulation, type SimulationOptions } from './simulation.ts'
import type { Direction, Impairment } from './wire.ts'

type Change = ScenarioStep<ParsedText>

export const DIRECTIONS = ['ab', 'ba'] as const

export class SimulationRun {
  /** Notes on the texts, each once. */
  readonly notes = new Set<string>()
  readonly #resources: WireResources
  readonly #texts: Readonly<Record<Direction, string>> | undefined
  readonly #scenario: ScenarioList<ParsedText> | undefined
  #seed = 0
  #simulation: Simulation | undefined
  #changes: Generator<Change, undefined> | undefined
  #next: Change | undefined
  #hasBegun = false

  /**
   * Without `texts` the wires are set by others. `scenario` is a path. Throws a UsageError if a
   * text is wrong, a FileError for changes that a simulation cannot make.
   */
  constructor(
    resources: WireResources,
    texts: Readonly<Record<Direction, string>> | undefined,
    scenario?: string,
  ) {
    this.#resources = resources
    this.#texts = texts
    for (const direction of DIRECTIONS) {
      this.stages(texts?.[direction] ?? '', direction)
    }
    this.#scenario = scenario === undefined ? undefined : this.#read(scenario)
  }

  stages(text: string, direction: Direction): Impairment[] {
    return parseWire(text, this.#resources, direction, {
      bareUs: true,
      note: line => this.notes.add(line),
    })
  }

  start(options: SimulationOptions, seed: number): Simulation {
    this.#seed = seed
    this.#simulation = new Simulation(options)
    return this.#simulation
  }

  setWires(time: number): void {
    this.#hasBegun = true
    this.#changes = this.#scenario && momentsOf(this.#scenario, time)
    this.#next = this.#changes?.next().value
    for (const direction of DIRECTIONS) {
      const text = this.#texts?.[direction]
      if (text !== undefined) {
        this.#set(direction, time, { text, stages: this.stages(text, direction) })
      }
    }
  }

  advance(time: number): void {
    for (
      ;
      this.#next !== undefined && this.#next.at <= time;
      this.#next = this.#changes?.next().value
    ) {
      this.#simulation?.advance(this.#next.at)
      for (const direction of DIRECTIONS) {
        this.#set(direction, this.#next.at, this.#next[direction])
      }
    }
  }

  /**
   * Makes the remaining changes, which may deliver packets that a wire would hold forever: all, or
   * one more round. Then lets time run until the wires are empty.
   */
  finish(): void {
    if (!this.#hasBegun) {
      this.setWires(0)
    }
    const { repeat } = this.#scenario ?? {}
    this.advance(
      repeat === undefined || this.#next === undefined
        ? Number.POSITIVE_INFINITY
        : this.#next.at + repeat,
    )
    this.#simulation?.finish()
  }

  #set(direction: Direction, time: number, parsed: ParsedText | undefined): void {
    if (parsed !== undefined) {
      this.#simulation?.set(direction, time, parsed.stages, parsed.text, this.#seed)
    }
  }

  #read(path: string): ScenarioList<ParsedText> | undefined {
    const parse = (text: string, direction: Direction) => ({
      text,
      stages: this.stages(text, direction),
    })
    const list = this.#resources.scenario?.(path, parse)
    if (list?.hasSides) {
      throw new FileError(
        `${path}: only attachments have wire-in and wire-out: write wire-ab and wire-ba`,
      )
    }
    if (list?.steps.some(({ carrier }) => carrier !== undefined)) {
      throw new FileError(`${path}: simulate has no carrier to cut: write wire: partition`)
    }
    return list
  }
}

/** Yields the steps with their moments after `start`; without end if they repeat. */
function* momentsOf(
  { steps, repeat }: ScenarioList<ParsedText>,
  start: number,
): Generator<Change, undefined> {
  for (let round = start; ; round += repeat ?? 0) {
    for (const step of steps) {
      yield { ...step, at: round + step.at }
    }
    if (repeat === undefined) return undefined
  }
}
