/**
 * explore: every packet, every fault (packages/lab/docs/explore.md). Its parts are loaded when it
 * is called.
 */
import type { Shrunk } from './explore.ts'
import type { ExploreReport } from './report.ts'
import type { ExploreOptions, LabScenario, RepeatOptions, ShrinkOptions } from './scenario.ts'

export type { Hit, HostNames } from '../nemesis/hit.ts'
export type { AlwaysOptions, Check, EventuallyOptions, SettlesOptions } from './checks.ts'
export type { Shrunk } from './explore.ts'
export type { Judgement } from './judge.ts'
export type { ExploredPacket } from './points.ts'
export type { ExploreReport, Point } from './report.ts'
export type {
  Baseline,
  ExploreResult,
  Failure,
  ResultPacket,
  ResultPoint,
  Verdict,
  WireFault,
} from './result.ts'
export type {
  ExploreOptions,
  Invariant,
  LabScenario,
  Progress,
  RepeatOptions,
  ScenarioRun,
  ShrinkOptions,
} from './scenario.ts'

/**
 * Runs `scenario` three times without faults, and then once for each packet and fault. A function
 * runs in this process, one run at a time; a module (a path or URL; its default export is the
 * scenario) runs in processes, or in memory in threads, so that several run at a time and a run
 * that hangs is killed. Rejects with a UsageError for wrong options, and if no lab can be made.
 */
export async function explore(
  scenario: LabScenario | string | URL,
  options: ExploreOptions = {},
): Promise<ExploreReport> {
  const { exploreScenario } = await import('./explore.ts')
  return exploreScenario(scenario, options)
}

/**
 * Runs `scenario` once with the given faults, written as in a report of explore. Rejects with the
 * error of the run if it fails, or if the run has no such packets.
 */
async function repeat(
  scenario: LabScenario | string | URL,
  faults: readonly string[],
  options: RepeatOptions = {},
): Promise<void> {
  const { repeatFaults } = await import('./repeat.ts')
  await repeatFaults(scenario, faults, options)
}

/**
 * Starts from a failure under a random wire, such as `{ wire: 'loss 10%', seed: 7 }`: runs the
 * scenario with the packets that this run lost, and then with fewer, down to the smallest set that
 * fails. Rejects if the run with the wire passes, or if its lost packets alone do not explain it.
 */
async function shrink(
  scenario: LabScenario | string | URL,
  options: ShrinkOptions,
): Promise<Shrunk> {
  const { shrinkFailure } = await import('./explore.ts')
  return shrinkFailure(scenario, options)
}

explore.repeat = repeat
explore.shrink = shrink
