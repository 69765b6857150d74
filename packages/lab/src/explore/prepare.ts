/** Prepares the runs of an exploration: where they run, and the settings of their labs. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { NSEC_PER_MSEC } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import { loadNative, whyNotLinux } from 'vnet/kit/linux'
import { hasSysctl } from 'vnet/kit/net'
import { canDestroyConnections } from '../kernel/sock-diag.ts'
import { type Forms, type HostVerb, isHostVerb, whyNoKernelLab } from '../model/index.ts'
import type { Sysctl } from '../world/host-stack.ts'
import { checkInGuest, exploredWorld, type WorldName } from '../world/world.ts'
import { defaultKinds, type FaultKind } from './fault-text.ts'
import type { KernelRunner } from './kernel-repeats.ts'
import type { RunSpec } from './run-once.ts'
import { abortable, functionRunner, ModuleRunner, type Runner } from './runners.ts'
import {
  checkExplore,
  EXPLORE_OPTIONS,
  type ExploreOptions,
  type LabScenario,
  type RepeatOptions,
} from './scenario.ts'
import { ThreadRunner } from './thread-runner.ts'

/** Milliseconds for a clean run. */
export const CLEAN_MS = 30_000
/** More than the 40 ms by which Linux delays acknowledgements at least. */
const DEFAULT_RTO = '50ms'
const RTO_SYSCTL = 'net/ipv4/tcp_rto_min_us'

/**
 * The runs of an exploration before the first one, as withRunner gives them to its function. The
 * function does not close `runner`: withRunner does.
 */
export interface Prepared<O> {
  readonly runner: Runner
  readonly options: O & ExploreOptions
  readonly spec: Omit<RunSpec, 'plan' | 'timeout'>
  /** Milliseconds of a run, if the options say so. */
  readonly timeout: number | undefined
  /** The URL of the module; undefined for a function. */
  readonly module: string | undefined
  /** The faults that are tried if none are named, if this world can do them. */
  readonly defaults: readonly FaultKind[]
  /** Whether a run can name the hosts of faults that name none. */
  readonly hasHit: boolean
  /** The report's line about TCP's timeout. */
  readonly rto: string
  /**
   * Runs faults that were found in memory in the kernel; undefined where that is not possible. Its
   * user closes what it returns.
   */
  readonly kernelRunner: (() => KernelRunner) | undefined
}

/**
 * Prepares runs for `fn`: their runner, the options of the module, and the settings of labs. `what`
 * names the function; its options have these forms. Rejects with a UsageError for others.
 */
export async function withRunner<O extends RepeatOptions, T>(
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
  const threads =
    url instanceof URL && wanted === 'memory' ? new ThreadRunner(url.href, most) : undefined
  let runner: Runner | undefined = threads
  try {
    let options: O & ExploreOptions = given
    let hasOwnHit = false
    if (url instanceof URL) {
      const {
        options: exported,
        hasHit,
        promise,
      } = await (threads?.facts() ?? ModuleRunner.facts(url.href))
      checkExplore(what, url, exported, EXPLORE_OPTIONS)
      hasOwnHit = hasHit
      options = { ...(promise !== undefined && { promise }), ...exported, ...given }
    }
    const { seed = 1, concurrency = most, hit }: ExploreOptions = options
    const names = typeof hit === 'function' ? undefined : hit
    if (threads !== undefined) {
      threads.concurrency = concurrency
    }
    const [world, canKernel] = await worldOf(options)
    const inMemory = world === 'memory'
    const isExplored = what === 'explore' && url instanceof URL
    const { reuse = isExplored && world === 'kernel' }: ExploreOptions = options
    options = { ...options, reuse }
    const { rto, sysctls } = rtoOf(options, world)
    options.signal?.throwIfAborted()
    const module = url instanceof URL ? url.href : undefined
    const runnerOf = (OfModule: typeof ModuleRunner | typeof ThreadRunner): Runner =>
      module === undefined
        ? functionRunner({ default: scenario as LabScenario, invariant: options.invariant, hit })
        : new OfModule(module, concurrency, reuse)
    const own =
      world === 'guest'
        ? await guestRunner(module, concurrency)
        : (threads ?? runnerOf(inMemory ? ThreadRunner : ModuleRunner))
    runner = options.signal === undefined ? own : abortable(own, options.signal)
    const timeout =
      options.timeout === undefined ? undefined : durationOf(options.timeout) / NSEC_PER_MSEC
    const kernelRunner =
      inMemory && canKernel
        ? () => ({
            runner: runnerOf(ModuleRunner),
            spec: { seed, sysctls, world: 'kernel', compares: options.compare } as const,
          })
        : undefined
    const spec = { seed, sysctls, world, hit: names }
    return await fn({
      runner,
      options,
      spec,
      timeout,
      module,
      defaults: defaultsIn(world),
      hasHit: hasOwnHit || hit !== undefined,
      rto,
      kernelRunner,
    })
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
  if (module === undefined) {
    checkInGuest("explore: world 'guest'")
  }
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
  return {
    rto: rtoMin === false ? "the kernel's" : "the kernel's: it cannot be set here",
    sysctls: [],
  }
}

/** Kernels without CONFIG_INET_DIAG_DESTROY cannot forget a connection. */
function defaultsIn(world: WorldName): FaultKind[] {
  const canForget =
    world !== 'kernel' || (whyNotLinux() === undefined && canDestroyConnections(loadNative(), -1))
  return defaultKinds().filter(({ verb }) => verb !== 'forget' || canForget)
}

const canSetRto = (): boolean =>
  whyNotLinux() === undefined && hasSysctl(loadNative(), -1, RTO_SYSCTL)

const urlOf = (text: string): URL =>
  /^file:/.test(text) ? new URL(text) : pathToFileURL(resolve(text))

/** Returns the verbs of the faults of hosts; undefined without one. */
export function hostVerbsOf(
  faults: readonly Pick<FaultKind, 'verb'>[],
): readonly HostVerb[] | undefined {
  const verbs = faults.map(({ verb }) => verb).filter(isHostVerb)
  return verbs.length === 0 ? undefined : [...new Set(verbs)]
}
