/**
 * explore: runs a scenario again and again, each time with another packet lost, doubled, late or
 * damaged, and reports the faults that break it.
 */
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { durationOf } from 'vnet/internal/base/duration'
import { UsageError } from 'vnet/internal/base/usage-error'
import { capturesIn, describeFailure } from './describe.ts'
import { burstKind, parseFault, parseKind } from './fault-text.ts'
import { Judge, leftOver } from './judge.ts'
import { type ExploredPacket, packetsOf, roundTripOf, unstableNames } from './points.ts'
import { baselineOf, CLEAN_MS, cleanRuns, type Prepared, prepare } from './prepare.ts'
import { ExploreReport } from './report.ts'
import { differences } from './result.ts'
import type { RunResult } from './run-once.ts'
import {
  EXPLORE_OPTIONS,
  type ExploreOptions,
  type LabScenario,
  REPEAT_OPTIONS,
  type RepeatOptions,
} from './scenario.ts'
import { singleTrials } from './sets.ts'
import { Trials } from './trials.ts'

const DEFAULT_FAULTS = ['drop', 'duplicate', 'delay', 'corrupt']

/** Same as explore. */
export async function exploreScenario(
  scenario: LabScenario | string | URL,
  options: ExploreOptions = {},
): Promise<ExploreReport> {
  const prepared = await prepare('explore', scenario, options, EXPLORE_OPTIONS)
  try {
    return await exploreWith(prepared)
  } finally {
    prepared.runner.close()
  }
}

/** Same as explore.repeat. */
export async function repeatFaults(
  scenario: LabScenario | string | URL,
  faults: readonly string[],
  options: RepeatOptions = {},
): Promise<void> {
  const plan = faults.map(parseFault)
  const { runner, spec, timeout = CLEAN_MS } = await prepare('explore.repeat', scenario, options, REPEAT_OPTIONS)
  try {
    const result = await runner.run({ ...spec, plan, timeout })
    if (result.error !== undefined) throw new Error(result.error)
    const hits = packetsOf(result).filter(({ hit }) => hit).length
    if (hits < plan.length) throw new Error(`the run has only ${hits} of the ${plan.length} packets of the faults`)
    if (result.left.length === 0) return
    const clean = await runner.run({ ...spec, plan: [], timeout })
    const error = leftOver(result.left, clean.left)
    if (error !== undefined) throw new Error(error)
  } finally {
    runner.close()
  }
}

async function exploreWith(prepared: Prepared<ExploreOptions>): Promise<ExploreReport> {
  const { runner, options, spec, module, rto, timeout } = prepared
  const { faults = DEFAULT_FAULTS, bursts = [], seed, rtoMin, invariant } = options
  // Fails before the first run.
  const kinds = [...faults.map(parseKind), ...bursts.map(burstKind)]
  const captures = capturesIn(options.captures)
  const began = performance.now()
  const clean = await cleanRuns(prepared)
  const cleanErrors = clean.flatMap(({ error }) => error ?? [])
  const runs = clean.map(packetsOf)
  const unstable = unstableNames(runs)
  const [first = []] = runs
  const select = await selector(options)
  const packets = select(first).filter(({ name }) => !unstable.has(name))
  if (cleanErrors.length === 0) checkSelected(packets, clean, options)
  const budget = options.budget === undefined ? undefined : durationOf(options.budget) / NSEC_PER_MSEC
  const judge = new Judge(runner, spec, baselineOf(clean), { timeout, signal: options.signal, budget })
  for (const run of clean) judge.count(run)
  const report = new ExploreReport({
    packets,
    kinds,
    baseline: judge.baseline,
    rto,
    unstable: [...unstable],
    cleanErrors,
    unrecorded: unrecordedOf(clean),
    roundTrip: roundTripOf(first),
  })
  if (report.cleanErrors.length === 0) {
    if (singleTrials(report).length === 0) {
      const texts = kinds.map(({ text }) => text).join(', ')
      throw new UsageError(`explore: no packet can have these faults, so nothing can be tried: ${texts}`)
    }
    const test = { seed, rtoMin, invariant: invariant !== undefined }
    const describing = { judge, module, test, captures, clean: first }
    const known = new Set<string>()
    const trials = new Trials({
      report,
      judge,
      options,
      select,
      concurrency: runner.concurrency,
      explain: ({ faults }, judgement) => describeFailure(faults, judgement, { ...describing, known }),
    })
    await trials.all(new Set(runs.flatMap(packets => packets.map(({ name }) => name))))
    report.laterErrors = judge.cleanErrors
  }
  report.finish(performance.now() - began, judge.spent)
  if (options.before !== undefined) report.changes.push(...differences(options.before, report.toJSON()))
  return report
}

/** Returns a line for each link with packets that have no names. */
function unrecordedOf(clean: readonly RunResult[]): string[] {
  const most = new Map<string, number>()
  for (const { links } of clean) {
    for (const [link, { unrecorded }] of links) most.set(link, Math.max(most.get(link) ?? 0, unrecorded))
  }
  return [...most].flatMap(([link, n]) =>
    n === 0 ? [] : [`${link}: ${n} packets have no names, and were not faulted`],
  )
}

/** Throws a UsageError if nothing would be tested. */
function checkSelected(
  packets: readonly ExploredPacket[],
  clean: readonly RunResult[],
  { links = [], filter }: ExploreOptions,
): void {
  const known = new Set(clean.flatMap(run => [...run.links.keys()]))
  const unknown = links.find(link => !known.has(link))
  if (unknown !== undefined) {
    throw new UsageError(`links: '${unknown}' is not a link of the scenario, which has ${[...known].join(', ')}`)
  }
  if (packets.length > 0) return
  const selection = filter === undefined ? 'the links have' : `'${filter}' matches`
  throw new UsageError(`explore: ${selection} no packet that is in each clean run, so nothing can be tried`)
}

/** Returns a function that returns the packets of the chosen links that the filter matches. */
async function selector({ links, filter }: ExploreOptions) {
  const matches = filter === undefined ? undefined : await compiled(filter)
  return (packets: readonly ExploredPacket[]): ExploredPacket[] =>
    packets.filter(({ link, head, length }) => {
      return (links === undefined || links.includes(link)) && (matches?.(head, 0, length) ?? true)
    })
}

async function compiled(filter: string): Promise<(bytes: Uint8Array, at: number, length: number) => boolean> {
  const { compileFilter } = await import('vnet/internal/linux/pcap-filter')
  return compileFilter(filter)
}
