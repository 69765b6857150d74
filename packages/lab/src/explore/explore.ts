/**
 * explore and explore.shrink. explore runs a scenario again and again, each time with a fault at
 * another packet, and reports the faults that break it.
 */

import { NSEC_PER_MSEC, UsageError } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import { directionsOf } from '../world/wire-spec.ts'
import { Expected } from './compared.ts'
import { capturesIn, type Describing, describeFailure } from './describe.ts'
import { burstKind, type FaultKind, parseKind, withEnds, withHit } from './fault-text.ts'
import { Judge } from './judge.ts'
import { repeatInKernel } from './kernel-repeats.ts'
import { firstOf } from './lists.ts'
import {
  added,
  type ExploredPacket,
  faultOf,
  packetsOf,
  roundTripOf,
  unstableNames,
} from './points.ts'
import { atBytes, rowsOf, withoutTurns } from './positions.ts'
import { CLEAN_MS, hostVerbsOf, type Prepared, withRunner } from './prepare.ts'
import { ExploreReport } from './report.ts'
import { failureLines, printedLines } from './report-text.ts'
import type { Baseline, Failure } from './result.ts'
import type { RunResult } from './run-once.ts'
import type { ExploreOptions, LabScenario, RepeatOptions, ShrinkOptions } from './scenario.ts'
import { EXPLORE_OPTIONS, SHRINK_OPTIONS } from './scenario.ts'
import { Search, type SearchSetup } from './search.ts'
import { checkRepair, lastingTrials, singleTrials } from './sets.ts'

const CLEAN_RUNS = 3

/** Same as explore. */
export function exploreScenario(
  scenario: LabScenario | string | URL,
  options: ExploreOptions,
): Promise<ExploreReport> {
  return withRunner('explore', scenario, options, EXPLORE_OPTIONS, exploreWith)
}

/** Same as explore.shrink. */
export function shrinkFailure(
  scenario: LabScenario | string | URL,
  options: ShrinkOptions,
): Promise<Shrunk> {
  return withRunner('explore.shrink', scenario, options, SHRINK_OPTIONS, shrinkWith)
}

async function exploreWith(prepared: Prepared<ExploreOptions>): Promise<ExploreReport> {
  const { runner, options, rto, timeout } = prepared
  const { bursts = [] } = options
  // Fails before the first run.
  const own = options.faults?.map(parseKind) ?? prepared.defaults
  const parsed = [...own, ...bursts.map(burstKind)]
  const given = prepared.hasHit ? parsed.map(withHit) : parsed
  checkRepair(given)
  const spec = { ...prepared.spec, hostFaults: hostVerbsOf(given), compares: options.compare }
  const captures = capturesIn(options.captures)
  const began = performance.now()
  const clean = await cleanRuns({ ...prepared, spec })
  const cleanErrors = clean.flatMap(({ error, output }) => {
    return error === undefined ? [] : [error, ...printedLines(output, error)].join('\n')
  })
  const runs = clean.map(packetsOf)
  const unstable = unstableNames(runs)
  const [first = []] = runs
  const select = await selector(options)
  const packets = select(first).filter(({ name }) => !unstable.has(name))
  const { kinds, rows } = kindsOf(given, first, packets, options.points)
  if (cleanErrors.length === 0) {
    checkSelected(packets, clean, options)
  }
  const budget =
    options.budget === undefined ? undefined : durationOf(options.budget) / NSEC_PER_MSEC
  const expected = expectedOf(clean, options)
  const judge = new Judge(runner, spec, baselineOf(clean), {
    timeout,
    signal: options.signal,
    budget,
    expected,
    strict: options.strict ?? given.some(({ verb }) => verb === 'repair'),
  })
  judge.runs += clean.length
  const report = new ExploreReport({
    packets: rows,
    kinds,
    baseline: judge.baseline,
    rto,
    world: spec.world,
    unstable: [
      ...new Set(select(runs.flat()).flatMap(({ name }) => (unstable.has(name) ? name : []))),
    ],
    cleanErrors,
    unrecorded: [
      ...unrecordedOf(clean, options.links),
      ...[expected?.uncompared ?? []].flat(),
      ...withoutTurns(rows),
    ],
    roundTrip: roundTripOf(first),
    promise: options.promise,
  })
  report.needsKernel = clean.some(({ needsKernel }) => needsKernel)
  if (report.cleanErrors.length === 0) {
    if (singleTrials(report).length + lastingTrials(report).length === 0) {
      const texts = given.map(({ text }) => text).join(', ')
      throw new UsageError(
        `explore: no packet can have these faults, so nothing can be tried: ${texts}`,
      )
    }
    const describing = describingOf(prepared, judge, captures, first)
    const started = { report, judge, select, describing, unstable, runs }
    await searchIn({ ...prepared, spec }, started)
  }
  report.finish(performance.now() - began, judge.runs)
  return report
}

/**
 * Returns the faults for these packets of a run, default ones only if a packet can have them, and
 * the packets and bytes at which they are tried.
 */
function kindsOf(
  given: readonly FaultKind[],
  run: readonly ExploredPacket[],
  packets: readonly ExploredPacket[],
  points: ExploreOptions['points'],
): { readonly kinds: FaultKind[]; readonly rows: ExploredPacket[] } {
  const all = atBytes(withEnds(given, packets), points)
  const rows = rowsOf(run, packets, all)
  const isUsed = (kind: FaultKind) => rows.some(row => faultOf(row, kind, 0, rows))
  return { kinds: all.filter(kind => kind.only === undefined || isUsed(kind)), rows }
}

type Started = Pick<SearchSetup, 'report' | 'judge' | 'select'> & {
  readonly describing: Describing
  /** The packets of the clean runs, and the names of packets that not all of them have. */
  readonly runs: readonly (readonly ExploredPacket[])[]
  readonly unstable: ReadonlySet<string>
}

/** Tries the faults, and then what is done once at the end. */
async function searchIn(
  prepared: Prepared<ExploreOptions>,
  { report, judge, select, describing, runs, unstable }: Started,
): Promise<void> {
  const { runner, options, kernelRunner } = prepared
  const search = new Search({
    report,
    judge,
    options,
    select,
    rows: all => rowsOf(all, select(all), report.kinds),
    concurrency: runner.concurrency,
    copies: runner.copies ?? false,
    explain: ({ faults }, judgement, also) => describeFailure(faults, judgement, describing, also),
  })
  await search.all(new Set([...runs.flat(), ...report.packets].map(({ name }) => name)))
  report.laterErrors = judge.cleanErrors
  report.changes = await changesOf(prepared, judge, runs[0] ?? [], unstable)
  report.unrepeated = await repeatInKernel(report.failures, judge, kernelRunner)
}

/**
 * What explore.shrink has found: the smallest set of the lost packets that still breaks the
 * scenario, as a failure.
 */
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

async function shrinkWith(prepared: Prepared<ShrinkOptions>): Promise<Shrunk> {
  const { runner, spec, timeout, options } = prepared
  const captures = capturesIn(options.captures)
  const clean = await cleanRuns(prepared)
  const [broken] = clean.flatMap(({ error }) => error ?? [])
  if (broken !== undefined) throw new Error(`the scenario fails without the wire: ${broken}`)
  const judge = new Judge(runner, spec, baselineOf(clean), { timeout, signal: options.signal })
  const { ab = '', ba = '' } = directionsOf(options.wire)
  const run = await runner.run({
    ...spec,
    plan: [],
    wires: [{ ab, ba }],
    timeout: timeout ?? CLEAN_MS,
  })
  judge.runs += clean.length + 1
  const what = `the run with this wire and seed ${spec.seed}`
  if (judge.errorOf(run) === undefined) {
    throw new Error(`${what} has passed: there is nothing to shrink`)
  }
  const packets = packetsOf(run)
  const lost = packets.filter(packet => packet.lost)
  const faults = lost.flatMap(packet => faultOf(packet, parseKind('drop'), 0, packets) ?? [])
  if (faults.length === 0) {
    throw new Error(`${what} has failed without a lost packet: ${judge.errorOf(run)}`)
  }
  const judgement = await judge.judge(faults)
  if (judgement.verdict !== 'failed') {
    throw new Error(
      `${what} has failed, but a run that loses only the same ${faults.length} packets has passed`,
    )
  }
  const failure = await describeFailure(
    faults,
    judgement,
    describingOf(prepared, judge, captures, packets),
  )
  return new Shrunk(failure as Failure, faults.length, judge.runs)
}

function describingOf(
  {
    module,
    options: { seed, rtoMin, hit, invariant, compare },
    spec: { world },
  }: Prepared<RepeatOptions>,
  judge: Judge,
  captures: string | false,
  clean: readonly ExploredPacket[],
): Describing {
  const test = {
    seed,
    rtoMin,
    hit,
    invariant: invariant !== undefined,
    strict: judge.isStrict,
    compare,
    ...(world !== 'kernel' && { world }),
  }
  return { judge, module, test, captures, clean, known: new Set(), world }
}

/** Returns a line for each link with packets that have no names. */
function unrecordedOf(clean: readonly RunResult[], chosen: ExploreOptions['links']): string[] {
  const most = new Map<string, number>()
  for (const { links } of clean) {
    for (const [link, { unrecorded }] of links) {
      most.set(link, Math.max(most.get(link) ?? 0, unrecorded))
    }
  }
  const lines = [...most].filter(([link, n]) => n > 0 && (chosen?.includes(link) ?? true))
  return lines.map(([link, n]) => `packets without names, and not faulted: ${n} of ${link}`)
}

function checkSelected(
  packets: readonly ExploredPacket[],
  clean: readonly RunResult[],
  { links = [], filter }: ExploreOptions,
): void {
  const known = new Set(clean.flatMap(run => [...run.links.keys()]))
  const unknown = links.find(link => !known.has(link))
  if (unknown !== undefined) {
    throw new UsageError(
      `links: '${unknown}' is not a link of the scenario, which has ${firstOf([...known]).join(', ')}`,
    )
  }
  if (packets.length > 0) return
  const selection = filter === undefined ? 'the links have' : `'${filter}' matches`
  throw new UsageError(
    `explore: ${selection} no packet that is in each clean run, so nothing can be tried`,
  )
}

/** Returns a function that returns the packets of the chosen links that the filter matches. */
async function selector({ links, filter }: ExploreOptions) {
  const matches =
    filter === undefined ? undefined : (await import('vnet/kit/net')).compileFilter(filter)
  return (packets: readonly ExploredPacket[]): ExploredPacket[] =>
    packets.filter(({ link, head, length }) => {
      return (links === undefined || links.includes(link)) && (matches?.(head, 0, length) ?? true)
    })
}

/** Runs without faults, as many at a time as later, so that their times can be compared. */
async function cleanRuns({
  runner,
  options,
  spec,
  timeout = CLEAN_MS,
}: Prepared<ExploreOptions>): Promise<RunResult[]> {
  const run = () => runner.run({ ...spec, plan: [], timeout })
  const runs = (n: number) => Promise.all(Array.from({ length: n }, run))
  // The first run of a process takes several times as long as the runs after it.
  const first = options.reuse && spec.world === 'kernel' ? await runs(runner.concurrency) : []
  const done = first.filter(({ error }) => error !== undefined)
  const count = runner.copies ? 1 : CLEAN_RUNS
  while (done.length < count) {
    done.push(...(await runs(Math.min(runner.concurrency, count - done.length))))
  }
  return done
}

/**
 * Runs once more without faults in each process that was kept, and compares its packets with the
 * packets of the first clean run. Returns a line for each process whose module has changed.
 */
async function changesOf(
  { runner, spec, timeout = CLEAN_MS }: Prepared<ExploreOptions>,
  judge: Judge,
  first: readonly ExploredPacket[],
  unstable: ReadonlySet<string>,
): Promise<string[]> {
  if (judge.whyStopped() !== undefined || runner.lastRuns === undefined) return []
  const last = await judge.unlessStopped(runner.lastRuns({ ...spec, plan: [], timeout }))
  const namesOf = (packets: readonly ExploredPacket[]) =>
    packets.map(({ name }) => name).filter(name => !unstable.has(name))
  const before = namesOf(first)
  return (last ?? []).flatMap(run => {
    judge.runs++
    const now = namesOf(packetsOf(run))
    const [changed] = [...added(now, before), ...added(before, now)]
    const what = run.error?.split('\n', 1)[0] ?? changed
    return what === undefined ? [] : `after other runs, a process that was kept differs: ${what}`
  })
}

/** Returns what runs that pass return; undefined if it is not compared. */
function expectedOf(
  clean: readonly RunResult[],
  { compare = false }: ExploreOptions,
): Expected | undefined {
  return compare ? new Expected(clean.map(({ returned = '' }) => returned)) : undefined
}

function baselineOf(clean: readonly RunResult[]): Baseline {
  const times = clean.map(({ ms }) => ms).sort((a, b) => a - b)
  // The longest list: what a clean run may leave is not the fault of a packet.
  const left = clean.reduce<readonly string[]>(
    (most, each) => (each.left.length > most.length ? each.left : most),
    [],
  )
  return { times, left }
}
