/**
 * explore, explore.repeat and explore.shrink. explore runs a scenario again and again, each time
 * with another packet lost, doubled, late or damaged, and reports the faults that break it.
 */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { durationOf } from 'vnet/internal/base/duration'
import { UsageError } from 'vnet/internal/base/usage-error'
import { loadNative, whyNotLinux } from 'vnet/internal/linux/native'
import { hasSysctl } from 'vnet/internal/linux/sysctl'
import type { Sysctl } from '../host-stack.ts'
import type { Forms } from '../options.ts'
import { whyNoKernelLab } from '../rights.ts'
import { directionsOf } from '../wire-spec.ts'
import { checkInGuest, exploredWorld, type WorldName } from '../world.ts'
import { capturesIn, type Describing, describeFailure } from './describe.ts'
import { burstKind, parseFault, parseKind } from './fault-text.ts'
import { Judge, leftOver } from './judge.ts'
import { type ExploredPacket, faultOf, packetsOf, roundTripOf, unstableNames } from './points.ts'
import { ExploreReport, failureLines } from './report.ts'
import { type Baseline, differences, type Failure } from './result.ts'
import type { RunResult, RunSpec } from './run-once.ts'
import { abortable, functionRunner, ModuleRunner, type Runner } from './runners.ts'
import {
  checkExplore,
  EXPLORE_OPTIONS,
  type ExploreOptions,
  type LabScenario,
  REPEAT_OPTIONS,
  type RepeatOptions,
  SHRINK_OPTIONS,
  type ShrinkOptions,
} from './scenario.ts'
import { ThreadRunner } from './thread-runner.ts'
import { singleTrials, Trials } from './trials.ts'

const DEFAULT_FAULTS = ['drop', 'duplicate', 'delay', 'corrupt']
const CLEAN_RUNS = 3
/** Milliseconds for a clean run. */
const CLEAN_MS = 30_000
/** Milliseconds that a run in the kernel may take longer than one in memory. */
const KERNEL_MS = 3000
/** More than the 40 ms by which Linux delays acknowledgements at least. */
const DEFAULT_RTO = '50ms'
const RTO_SYSCTL = 'net/ipv4/tcp_rto_min_us'

interface Prepared<O> {
  readonly runner: Runner
  readonly options: O & ExploreOptions
  readonly spec: Omit<RunSpec, 'plan' | 'timeout'>
  /** Milliseconds of a run, if the options say so. */
  readonly timeout: number | undefined
  /** The URL of the module; undefined for a function. */
  readonly module: string | undefined
  /** The report's line about TCP's timeout. */
  readonly rto: string
  /** Same as Describing.inKernel. */
  readonly inKernel: Describing['inKernel']
}

/** Same as explore. */
export function exploreScenario(scenario: LabScenario | string | URL, options: ExploreOptions): Promise<ExploreReport> {
  return withRunner('explore', scenario, options, EXPLORE_OPTIONS, exploreWith)
}

/** Same as explore.repeat. */
export async function repeatFaults(
  scenario: LabScenario | string | URL,
  faults: readonly string[],
  options: RepeatOptions,
): Promise<void> {
  const plan = faults.map(parseFault)
  await withRunner('explore.repeat', scenario, options, REPEAT_OPTIONS, async prepared => {
    const { runner, spec, timeout = CLEAN_MS } = prepared
    const result = await runner.run({ ...spec, plan, timeout })
    if (result.error !== undefined) throw new Error(result.error)
    const hits = packetsOf(result).filter(({ hit }) => hit).length
    if (hits < plan.length) throw new Error(`the run has only ${hits} of the ${plan.length} packets of the faults`)
    if (result.left.length === 0) return
    const clean = await runner.run({ ...spec, plan: [], timeout })
    const error = leftOver(result.left, clean.left)
    if (error !== undefined) throw new Error(error)
  })
}

/** Same as explore.shrink. */
export function shrinkFailure(scenario: LabScenario | string | URL, options: ShrinkOptions): Promise<Shrunk> {
  return withRunner('explore.shrink', scenario, options, SHRINK_OPTIONS, shrinkWith)
}

async function exploreWith(prepared: Prepared<ExploreOptions>): Promise<ExploreReport> {
  const { runner, options, spec, rto, timeout } = prepared
  const { faults = DEFAULT_FAULTS, bursts = [] } = options
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
    world: spec.world,
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
    const describing = describingOf(prepared, judge, captures, first)
    const trials = new Trials({
      report,
      judge,
      options,
      select,
      concurrency: runner.concurrency,
      explain: ({ faults }, judgement) => describeFailure(faults, judgement, describing),
    })
    await trials.all(new Set(runs.flatMap(packets => packets.map(({ name }) => name))))
    report.laterErrors = judge.cleanErrors
  }
  report.finish(performance.now() - began, judge.spent)
  if (options.before !== undefined) report.changes.push(...differences(options.before, report.toJSON()))
  return report
}

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

async function shrinkWith(prepared: Prepared<ShrinkOptions>): Promise<Shrunk> {
  const { runner, spec, timeout, options } = prepared
  const captures = capturesIn(options.captures)
  const clean = await cleanRuns(prepared)
  const [broken] = clean.flatMap(({ error }) => error ?? [])
  if (broken !== undefined) throw new Error(`the scenario fails without the wire: ${broken}`)
  const judge = new Judge(runner, spec, baselineOf(clean), { timeout, signal: options.signal })
  const { ab = '', ba = '' } = directionsOf(options.wire)
  const run = await runner.run({ ...spec, plan: [], wires: [{ ab, ba }], timeout: timeout ?? CLEAN_MS })
  for (const each of [...clean, run]) judge.count(each)
  const what = `the run with this wire and seed ${spec.seed}`
  if (judge.errorOf(run) === undefined) throw new Error(`${what} has passed: there is nothing to shrink`)
  const packets = packetsOf(run)
  const lost = packets.filter(packet => packet.lost)
  const faults = lost.flatMap(packet => faultOf(packet, parseKind('drop'), 0, packets) ?? [])
  if (faults.length === 0) throw new Error(`${what} has failed without a lost packet: ${judge.errorOf(run)}`)
  const judgement = await judge.judge(faults)
  if (judgement.verdict !== 'failed') {
    throw new Error(`${what} has failed, but a run that loses only the same ${faults.length} packets has passed`)
  }
  const failure = await describeFailure(faults, judgement, describingOf(prepared, judge, captures, packets))
  return new Shrunk(failure as Failure, faults.length, judge.spent.runs)
}

function describingOf(
  { module, options: { seed, rtoMin, invariant }, spec: { world }, inKernel }: Prepared<RepeatOptions>,
  judge: Judge,
  captures: string | false,
  clean: readonly ExploredPacket[],
): Describing {
  const test = { seed, rtoMin, invariant: invariant !== undefined, ...(world !== 'kernel' && { world }) }
  return { judge, module, test, captures, clean, known: new Set(), inKernel, world }
}

/** Returns a line for each link with packets that have no names. */
function unrecordedOf(clean: readonly RunResult[]): string[] {
  const most = new Map<string, number>()
  for (const { links } of clean) {
    for (const [link, { unrecorded }] of links) most.set(link, Math.max(most.get(link) ?? 0, unrecorded))
  }
  const lines = [...most].filter(([, n]) => n > 0)
  return lines.map(([link, n]) => `${link}: ${n} packets have no names, and were not faulted`)
}

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
  const matches =
    filter === undefined ? undefined : (await import('vnet/internal/linux/pcap-filter')).compileFilter(filter)
  return (packets: readonly ExploredPacket[]): ExploredPacket[] =>
    packets.filter(({ link, head, length }) => {
      return (links === undefined || links.includes(link)) && (matches?.(head, 0, length) ?? true)
    })
}

/**
 * Prepares runs for `fn`: their runner, the options of the module, and the settings of labs. `what`
 * names the function, whose options have these forms. Rejects with a UsageError for others.
 */
async function withRunner<O extends RepeatOptions, T>(
  what: string,
  scenario: LabScenario | string | URL,
  given: O,
  forms: Forms<O>,
  fn: (prepared: Prepared<O>) => Promise<T>,
): Promise<T> {
  checkExplore(what, scenario, given, forms)
  const url = typeof scenario === 'string' ? urlOf(scenario) : scenario
  const { world: wanted, concurrency: most = availableParallelism() }: ExploreOptions = given
  // Otherwise the module may choose the world.
  const threads = url instanceof URL && wanted === 'memory' ? new ThreadRunner(url.href, most) : undefined
  let runner: Runner | undefined = threads
  try {
    let options: O & ExploreOptions = given
    if (url instanceof URL) {
      const exported = await (threads?.options() ?? ModuleRunner.options(url.href))
      checkExplore(what, url, exported, EXPLORE_OPTIONS)
      options = { ...exported, ...given }
    }
    const { seed = 1, concurrency = most } = options
    if (threads !== undefined) threads.concurrency = concurrency
    const [world, canKernel] = await worldOf(options)
    const inMemory = world === 'memory'
    const { rto, sysctls } = rtoOf(options, world)
    options.signal?.throwIfAborted()
    const module = url instanceof URL ? url.href : undefined
    const runnerOf = (OfModule: typeof ModuleRunner | typeof ThreadRunner): Runner =>
      module === undefined
        ? functionRunner(scenario as LabScenario, options.invariant)
        : new OfModule(module, concurrency)
    const own =
      world === 'guest'
        ? await guestRunner(module, concurrency)
        : (threads ?? runnerOf(inMemory ? ThreadRunner : ModuleRunner))
    runner = options.signal === undefined ? own : abortable(own, options.signal)
    const timeout = options.timeout === undefined ? undefined : durationOf(options.timeout) / NSEC_PER_MSEC
    const inKernel = inMemory && canKernel ? confirmer(() => runnerOf(ModuleRunner), seed, sysctls) : undefined
    return await fn({ runner, options, spec: { seed, sysctls, world }, timeout, module, rto, inKernel })
  } finally {
    runner?.close()
  }
}

/** Returns the world of the labs, and whether labs of the kernel can be made. */
async function worldOf({ world }: RepeatOptions): Promise<readonly [WorldName, boolean]> {
  const wanted = exploredWorld(world)
  const canKernel = (await whyNoKernelLab()) === undefined
  return [wanted ?? (canKernel ? 'kernel' : 'memory'), canKernel]
}

/** Throws a UsageError for a function, because it cannot leave this process. */
async function guestRunner(module: string | undefined, concurrency: number): Promise<Runner> {
  if (module === undefined) checkInGuest("explore: world 'guest'")
  const { GuestRunner } = await import('./guest-runner.ts')
  return new GuestRunner(module ?? '', concurrency)
}

/** Returns the setting of TCP's least timeout, and the report's text about it. */
function rtoOf(
  { rtoMin = DEFAULT_RTO }: RepeatOptions,
  world: WorldName,
): { readonly rto: string; readonly sysctls: readonly Sysctl[] } {
  const inMemory = world === 'memory'
  const canSet = rtoMin !== false && (inMemory || (world === 'kernel' && canSetRto()))
  const us = rtoMin === false ? 0 : Math.round(durationOf(rtoMin) / 1000)
  if (canSet) return { rto: `${us / 1000} ms`, sysctls: [[RTO_SYSCTL, String(us)]] }
  if (inMemory) return { rto: '200 ms', sysctls: [] }
  return { rto: rtoMin === false ? "the kernel's" : "the kernel's: it cannot be set here", sysctls: [] }
}

function canSetRto(): boolean {
  return whyNotLinux() === undefined && hasSysctl(loadNative(), -1, RTO_SYSCTL)
}

/** Returns a function that runs faults in the kernel once. */
function confirmer(makeRunner: () => Runner, seed: number, sysctls: readonly Sysctl[]): Describing['inKernel'] {
  return async (plan, limit) => {
    const runner = makeRunner()
    try {
      const result = await runner.run({ seed, sysctls, world: 'kernel', plan, timeout: limit + KERNEL_MS })
      if (result.error !== undefined) return 'failed'
      return packetsOf(result).filter(({ hit }) => hit).length < plan.length ? 'missed' : 'passed'
    } finally {
      runner.close()
    }
  }
}

function urlOf(text: string): URL {
  return /^file:/.test(text) ? new URL(text) : pathToFileURL(resolve(text))
}

/** Runs without faults, as many at a time as later, so that their times can be compared. */
async function cleanRuns({ runner, spec, timeout = CLEAN_MS }: Prepared<unknown>): Promise<RunResult[]> {
  const done: RunResult[] = []
  // In a guest, all are the same.
  const count = spec.world === 'guest' ? 1 : CLEAN_RUNS
  while (done.length < count) {
    const together = Math.min(runner.concurrency, count - done.length)
    const run = () => runner.run({ ...spec, plan: [], timeout })
    done.push(...(await Promise.all(Array.from({ length: together }, run))))
  }
  return done
}

function baselineOf(clean: readonly RunResult[]): Baseline {
  const times = clean.map(({ ms }) => ms).sort((a, b) => a - b)
  // The longest list: what a clean run may leave is not the fault of a packet.
  const left = clean.reduce<readonly string[]>((most, each) => (each.left.length > most.length ? each.left : most), [])
  return { times, left }
}
