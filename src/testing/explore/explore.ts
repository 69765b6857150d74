/**
 * explore: runs a scenario again and again, each time with another packet lost, doubled, late or
 * damaged, and reports the faults that break it.
 */
import { mkdtempSync, readdirSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { durationOf } from '../../base/duration.ts'
import { UsageError } from '../../base/usage-error.ts'
import { loadNative } from '../../linux/native.ts'
import { hasSysctl } from '../../linux/sysctl.ts'
import type { PlannedFault } from '../lab/watch/packet-name.ts'
import { type FaultKind, formatFault, parseFault, parseKind } from './fault-text.ts'
import { type Baseline, Judge, type Judgement } from './judge.ts'
import { type ExploredPacket, faultOf, packetsOf, roundTripOf, unstableNames } from './points.ts'
import { ExploreReport, type Point } from './report.ts'
import { packetOf, packetText, testText, wireFaultOf } from './reproduce.ts'
import type { Failure } from './result.ts'
import type { RunResult, RunSpec } from './run-once.ts'
import { abortable, functionRunner, ModuleRunner, type Runner } from './runners.ts'
import { checkExplore, type ExploreOptions, type Scenario } from './scenario.ts'

const CLEAN_RUNS = 3
/** Milliseconds for a clean run. */
const CLEAN_MS = 30_000
const DEFAULT_FAULTS = ['drop', 'duplicate', 'delay', 'corrupt']
/** More than the 40 ms by which Linux delays acknowledgements at least. */
const DEFAULT_RTO = '50ms'
const NS_PER_MS = 1e6
const RTO_SYSCTL = 'net/ipv4/tcp_rto_min_us'

/** A scenario that is ready to be run. */
interface Prepared {
  readonly runner: Runner
  readonly options: ExploreOptions
  readonly spec: Omit<RunSpec, 'plan' | 'timeout'>
  /** The path of the module; undefined for a function. */
  readonly module: string | undefined
  /** What the report says about TCP's timeout. */
  readonly rto: string
}

/** Same as explore. */
export async function exploreScenario(
  scenario: Scenario | string | URL,
  options: ExploreOptions = {},
): Promise<ExploreReport> {
  const prepared = await prepare('explore', scenario, options)
  const { runner } = prepared
  try {
    return await exploreWith(prepared)
  } finally {
    runner.close()
  }
}

/** Same as explore.repeat. */
export async function repeatFaults(
  scenario: Scenario | string | URL,
  faults: readonly string[],
  options: ExploreOptions = {},
): Promise<void> {
  const plan = faults.map(parseFault)
  const { runner, spec, options: merged } = await prepare('explore.repeat', scenario, options)
  try {
    const timeout = merged.timeout === undefined ? CLEAN_MS : durationOf(merged.timeout) / NS_PER_MS
    const result = await runner.run({ ...spec, plan, timeout })
    if (result.error !== undefined) throw new Error(result.error)
    const hits = packetsOf(result).filter(({ hit }) => hit).length
    if (hits < plan.length) throw new Error(`the run has only ${hits} of the ${plan.length} packets of the faults`)
  } finally {
    runner.close()
  }
}

async function prepare(what: string, scenario: Scenario | string | URL, given: ExploreOptions): Promise<Prepared> {
  checkExplore(what, scenario, given)
  const url = typeof scenario === 'string' ? urlOf(scenario) : scenario
  let options = given
  if (url instanceof URL) {
    options = { ...(await ModuleRunner.options(url.href)), ...given }
    checkExplore(what, url, options)
  }
  // Fail before the first run.
  for (const fault of options.faults ?? []) parseKind(fault)
  const { rtoMin = DEFAULT_RTO, seed = 1, concurrency = availableParallelism() } = options
  const native = loadNative()
  const canSet = rtoMin !== false && hasSysctl(native, -1, RTO_SYSCTL)
  const us = rtoMin === false ? 0 : Math.round(durationOf(rtoMin) / 1000)
  const sysctls = canSet ? ([[RTO_SYSCTL, String(us)]] as const) : []
  const rto = canSet ? `${us / 1000} ms` : rtoMin === false ? "the kernel's" : "the kernel's: it cannot be set here"
  options.signal?.throwIfAborted()
  const own =
    url instanceof URL
      ? new ModuleRunner(url.href, concurrency)
      : functionRunner(scenario as Scenario, options.invariant)
  const runner = options.signal === undefined ? own : abortable(own, options.signal)
  return { runner, options, spec: { seed, sysctls }, module: url instanceof URL ? url.href : undefined, rto }
}

function urlOf(text: string): URL {
  return /^file:/.test(text) ? new URL(text) : pathToFileURL(resolve(text))
}

async function exploreWith(prepared: Prepared): Promise<ExploreReport> {
  const { runner, options, spec, module, rto } = prepared
  const began = performance.now()
  const timeout = options.timeout === undefined ? undefined : durationOf(options.timeout) / NS_PER_MS
  const clean = await cleanRuns(runner, { ...spec, plan: [], timeout: timeout ?? CLEAN_MS })
  const times = clean.map(({ ms }) => ms).sort((a, b) => a - b)
  const baseline: Baseline = {
    median: times[CLEAN_RUNS >> 1] as number,
    longest: times.at(-1) as number,
    left: commonLeft(clean),
  }
  const cleanErrors = clean.flatMap(({ error }) => error ?? [])
  const runs = clean.map(packetsOf)
  const unstable = unstableNames(runs)
  const [first = []] = runs
  const wanted = await selected(first, options)
  const packets = wanted.filter(({ name }) => !unstable.has(name))
  if (cleanErrors.length === 0) checkSelected(packets, clean, options)
  const judge = new Judge(runner, spec, baseline, timeout)
  for (const { ms, total } of clean) {
    judge.spent.runs++
    judge.spent.scenario += ms
    judge.spent.total += total
  }
  const kinds = (options.faults ?? DEFAULT_FAULTS).map(parseKind)
  const report = new ExploreReport({
    ...{ packets, kinds, baseline, rto, unstable: [...unstable] },
    cleanErrors,
    roundTrip: roundTripOf(first),
  })
  if (report.cleanErrors.length === 0) {
    await tryAll(report, judge, options, runner.concurrency, async (plan, judgement) =>
      failureOf(plan, judgement, { judge, module, clean: first }),
    )
  }
  report.finish(performance.now() - began, judge.spent)
  return report
}

/** Runs without faults, as many at a time as later, so that their times can be compared. */
async function cleanRuns(runner: Runner, spec: RunSpec): Promise<RunResult[]> {
  const done: RunResult[] = []
  while (done.length < CLEAN_RUNS) {
    const together = Math.min(runner.concurrency, CLEAN_RUNS - done.length)
    done.push(...(await Promise.all(Array.from({ length: together }, () => runner.run(spec)))))
  }
  return done
}

/** Returns what is left after each of the runs. */
function commonLeft(runs: readonly RunResult[]): readonly string[] {
  // The longest list: what a clean run may leave is not the fault of a packet.
  return runs.reduce<readonly string[]>((most, { left }) => (left.length > most.length ? left : most), [])
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

/** Returns the packets of the chosen links that the filter matches. */
async function selected(
  packets: readonly ExploredPacket[],
  { links, filter }: ExploreOptions,
): Promise<ExploredPacket[]> {
  const matches = filter === undefined ? undefined : await compiled(filter)
  return packets.filter(({ link, head, length }) => {
    return (links === undefined || links.includes(link)) && (matches?.(head, 0, length) ?? true)
  })
}

async function compiled(filter: string): Promise<(bytes: Uint8Array, at: number, length: number) => boolean> {
  const { compileFilter } = await import('../../linux/pcap-filter.ts')
  return compileFilter(filter)
}

/** Tries every fault of every packet. */
async function tryAll(
  report: ExploreReport,
  judge: Judge,
  options: ExploreOptions,
  concurrency: number,
  explain: (plan: readonly PlannedFault[], judgement: Judgement) => Promise<Failure>,
): Promise<void> {
  const { budget, stopAt = Number.POSITIVE_INFINITY, onProgress, signal } = options
  const began = performance.now()
  const end = budget === undefined ? Number.POSITIVE_INFINITY : began + durationOf(budget) / NS_PER_MS
  const points = singlePoints(report.packets, report.kinds, report.roundTrip)
  const waiting = [...points]
  let done = 0
  const attempt = async (point: (typeof points)[number]) => {
    const judgement = await judge.judge(point.faults)
    const failure = judgement.verdict === 'failed' ? await explain(point.faults, judgement) : undefined
    const { packets: _, ...verdict } = judgement
    report.add({ ...point, ...verdict })
    if (failure !== undefined) report.failures.push(failure)
  }
  const work = async () => {
    for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) {
      try {
        signal?.throwIfAborted()
        if (performance.now() < end && report.failures.length < stopAt) await attempt(point)
        else report.add({ ...point, verdict: 'skipped' })
      } catch (error) {
        if (!signal?.aborted) throw error
        report.add({ ...point, verdict: 'skipped' })
      }
      done++
      const left = ((performance.now() - began) / done) * waiting.length
      onProgress?.({ done, total: points.length, failed: report.failures.length, left })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
}

function singlePoints(
  packets: readonly ExploredPacket[],
  kinds: readonly FaultKind[],
  rtt: number,
): Pick<Point, 'packet' | 'kind' | 'faults'>[] {
  return packets.flatMap((packet, i) =>
    kinds.flatMap((kind, k) => {
      const fault = faultOf(packet, kind, rtt, packets)
      return fault === undefined ? [] : [{ packet: i, kind: k, faults: [fault] }]
    }),
  )
}

interface Explained {
  readonly judge: Judge
  readonly module: string | undefined
  readonly clean: readonly ExploredPacket[]
}

/** Runs a failing set once more, recorded, and describes it. */
async function failureOf(
  faults: readonly PlannedFault[],
  judgement: Judgement,
  { judge, module, clean }: Explained,
): Promise<Failure> {
  const captures = mkdtempSync(join(tmpdir(), 'vnet-explore-'))
  const recorded = await judge.run(faults, captures)
  // A run whose process was killed has no packets.
  const packets = judgement.packets.length > 0 ? judgement.packets : clean
  const { failed, runs, error = '', output = '' } = judgement
  const files = readdirSync(captures, { recursive: true }).map(name => join(captures, String(name)))
  return {
    faults: faults.map(formatFault),
    ...{ failed, runs, error, output },
    packets: faults.flatMap(fault => packetOf(fault, packets) ?? []).map(packetText),
    wire: faults.flatMap(fault => wireFaultOf(fault, packets) ?? []),
    captures: files.filter(name => name.endsWith('.pcapng')),
    from: faults.length,
    recordedFailed: judge.errorOf(recorded) !== undefined,
    test: testText(module, faults, judge.limit(faults)),
  }
}
