/** explore.shrink: from a failure under a random wire to the smallest set of lost packets. */

import type { PlannedFault } from '../watch/packet-name.ts'
import { directionsOf } from '../wire-spec.ts'
import { capturesIn, describeFailure } from './describe.ts'
import { Judge } from './judge.ts'
import { packetsOf } from './points.ts'
import { baselineOf, CLEAN_MS, cleanRuns, prepare } from './prepare.ts'
import { failureLines } from './report.ts'
import type { Failure } from './result.ts'
import { type LabScenario, SHRINK_OPTIONS, type ShrinkOptions } from './scenario.ts'

/** What explore.shrink has found. */
export class Shrunk {
  readonly failure: Failure
  /** How many packets the run with the random wire lost. */
  readonly lost: number
  readonly runs: number

  /** @internal */
  constructor(failure: Failure, lost: number, runs: number) {
    this.failure = failure
    this.lost = lost
    this.runs = runs
  }

  /** Returns the failure for a terminal, as several lines. */
  toString(): string {
    const { failure, lost, runs } = this
    const sum = `${lost} lost packets were reduced to ${failure.faults.length} in ${runs} runs`
    return [...failureLines(failure).slice(1), sum].join('\n')
  }
}

/** Same as explore.shrink. */
export async function shrinkFailure(scenario: LabScenario | string | URL, options: ShrinkOptions): Promise<Shrunk> {
  const prepared = await prepare('explore.shrink', scenario, options, SHRINK_OPTIONS)
  const { runner, spec, timeout, module } = prepared
  try {
    const captures = capturesIn(options.captures)
    const clean = await cleanRuns(prepared)
    const [broken] = clean.flatMap(({ error }) => error ?? [])
    if (broken !== undefined) throw new Error(`the scenario fails without the wire: ${broken}`)
    const judge = new Judge(runner, spec, baselineOf(clean), { timeout, signal: prepared.options.signal })
    const { ab = '', ba = '' } = directionsOf(options.wire)
    const run = await runner.run({ ...spec, plan: [], wires: [{ ab, ba }], timeout: timeout ?? CLEAN_MS })
    for (const each of [...clean, run]) judge.count(each)
    const what = `the run with this wire and seed ${spec.seed}`
    if (judge.errorOf(run) === undefined) throw new Error(`${what} has passed: there is nothing to shrink`)
    const faults = packetsOf(run)
      .filter(({ lost }) => lost)
      .map(dropOf)
    if (faults.length === 0) throw new Error(`${what} has failed without a lost packet: ${judge.errorOf(run)}`)
    const judgement = await judge.judge(faults)
    if (judgement.verdict !== 'failed') {
      throw new Error(`${what} has failed, but a run that loses only the same ${faults.length} packets has passed`)
    }
    const { seed, rtoMin, invariant } = prepared.options
    const failure = await describeFailure(faults, judgement, {
      judge,
      module,
      captures,
      clean: packetsOf(run),
      known: new Set<string>(),
      test: { seed, rtoMin, invariant: invariant !== undefined },
    })
    return new Shrunk(failure as Failure, faults.length, judge.spent.runs)
  } finally {
    runner.close()
  }
}

function dropOf({ link, direction, flow, part, n, copy }: Omit<PlannedFault, 'verb' | 'time'>): PlannedFault {
  return { link, direction, flow, part, n, copy, verb: 'drop', time: 0 }
}
