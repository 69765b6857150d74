/** Prepares runs of a scenario: its runner, the options of its module, and the settings of labs. */

import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { durationOf } from 'vnet/internal/base/duration'
import { loadNative } from 'vnet/internal/linux/native'
import { hasSysctl } from 'vnet/internal/linux/sysctl'
import type { Forms } from '../options.ts'
import type { Baseline } from './judge.ts'
import type { RunResult, RunSpec } from './run-once.ts'
import { abortable, functionRunner, ModuleRunner, type Runner } from './runners.ts'
import { checkExplore, EXPLORE_OPTIONS, type ExploreOptions, type LabScenario, type RepeatOptions } from './scenario.ts'

const CLEAN_RUNS = 3
/** Milliseconds for a clean run. */
export const CLEAN_MS = 30_000
/** More than the 40 ms by which Linux delays acknowledgements at least. */
const DEFAULT_RTO = '50ms'
const RTO_SYSCTL = 'net/ipv4/tcp_rto_min_us'

/** A scenario that is ready to be run. */
export interface Prepared<O> {
  readonly runner: Runner
  readonly options: O & ExploreOptions
  readonly spec: Omit<RunSpec, 'plan' | 'timeout'>
  /** Milliseconds of a run, if the options say so. */
  readonly timeout: number | undefined
  /** The URL of the module; undefined for a function. */
  readonly module: string | undefined
  /** The report's line about TCP's timeout. */
  readonly rto: string
}

/** `what` names the function. Its options have these forms. Throws a UsageError for others. */
export async function prepare<O extends RepeatOptions>(
  what: string,
  scenario: LabScenario | string | URL,
  given: O,
  forms: Forms<O>,
): Promise<Prepared<O>> {
  checkExplore(what, scenario, given, forms)
  const url = typeof scenario === 'string' ? urlOf(scenario) : scenario
  let options: O & ExploreOptions = given
  if (url instanceof URL) {
    const exported = await ModuleRunner.options(url.href)
    checkExplore(what, url, exported, EXPLORE_OPTIONS)
    options = { ...exported, ...given }
  }
  const { rtoMin = DEFAULT_RTO, seed = 1, concurrency = availableParallelism() } = options
  const canSet = rtoMin !== false && hasSysctl(loadNative(), -1, RTO_SYSCTL)
  const us = rtoMin === false ? 0 : Math.round(durationOf(rtoMin) / 1000)
  const sysctls = canSet ? ([[RTO_SYSCTL, String(us)]] as const) : []
  const rto = canSet ? `${us / 1000} ms` : rtoMin === false ? "the kernel's" : "the kernel's: it cannot be set here"
  options.signal?.throwIfAborted()
  const own =
    url instanceof URL
      ? new ModuleRunner(url.href, concurrency)
      : functionRunner(scenario as LabScenario, options.invariant)
  const runner = options.signal === undefined ? own : abortable(own, options.signal)
  const timeout = options.timeout === undefined ? undefined : durationOf(options.timeout) / NSEC_PER_MSEC
  return { runner, options, spec: { seed, sysctls }, timeout, module: url instanceof URL ? url.href : undefined, rto }
}

function urlOf(text: string): URL {
  return /^file:/.test(text) ? new URL(text) : pathToFileURL(resolve(text))
}

/** Runs without faults, as many at a time as later, so that their times can be compared. */
export async function cleanRuns({ runner, spec, timeout = CLEAN_MS }: Prepared<unknown>): Promise<RunResult[]> {
  const done: RunResult[] = []
  while (done.length < CLEAN_RUNS) {
    const together = Math.min(runner.concurrency, CLEAN_RUNS - done.length)
    const run = () => runner.run({ ...spec, plan: [], timeout })
    done.push(...(await Promise.all(Array.from({ length: together }, run))))
  }
  return done
}

export function baselineOf(clean: readonly RunResult[]): Baseline {
  const times = clean.map(({ ms }) => ms).sort((a, b) => a - b)
  // The longest list: what a clean run may leave is not the fault of a packet.
  const left = clean.reduce<readonly string[]>((most, each) => (each.left.length > most.length ? each.left : most), [])
  return { times, left }
}
