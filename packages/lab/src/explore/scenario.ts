/** The scenario that is explored, and the options. */
import { UsageError } from 'vnet'
import { FAULT_VERBS } from 'vnet/kit/wire'
import type { History } from '../history/history.ts'
import {
  COUNT,
  checkForms,
  DURATION,
  FLAG,
  type Forms,
  FUNCTION,
  LIST,
  SIGNAL,
  WHOLE_NUMBER,
  wordOf,
} from '../model/options.ts'
import { HIT, type Hit } from '../nemesis/hit.ts'
import type { Lab } from '../network/lab.ts'
import { WIRE, type WireSpec } from '../world/wire-spec.ts'
import { WORLDS, type WorldName } from '../world/world.ts'
import type { AlwaysOptions, Check, EventuallyOptions, SettlesOptions } from './checks.ts'

/**
 * The arguments of a scenario. They belong to one run: the lab is closed when the run has ended,
 * and `signal` aborts at the end at the latest.
 */
export interface ScenarioRun {
  /** A lab of its own. */
  readonly lab: Lab
  /** Aborts at the timeout. */
  readonly signal: AbortSignal
  /** Records the operations of clients, for checks. */
  readonly history: History
  /**
   * Calls `check` again and again in the time of the lab, until the scenario has ended, and once
   * then. A call starts when the one before it has ended. The run fails when a call does.
   */
  readonly always: (check: Check, options?: AlwaysOptions) => void
  /**
   * Calls `check` every 10 ms in the time of the lab, until a call succeeds. Rejects with the
   * latest error if none does in time.
   */
  readonly eventually: (check: Check, options: EventuallyOptions) => Promise<void>
  /** Settles as `promise` does, or rejects at the end of the time, which is the lab's. */
  readonly settles: <T>(promise: Promise<T>, options: SettlesOptions) => Promise<T>
}

/** Runs the program under test in a lab. It rejects if the program does not do what it should. */
export type LabScenario = (run: ScenarioRun) => Promise<unknown> | unknown

/** Checks a lab after a scenario has succeeded. It rejects if something is wrong. */
export type Invariant = (lab: Lab) => Promise<unknown> | unknown

/**
 * The options of explore. Durations are milliseconds, or texts with a unit such as '60s'. An option
 * that is not understood rejects with a UsageError before the first run. A module may export them
 * as `options`; options of the call replace them one by one.
 */
export interface ExploreOptions {
  /** The links with faults in their packets, such as `['client-server']`. All by default. */
  readonly links?: readonly string[]
  /** The packets that are faulted, as a filter of pcap-filter(7). All by default. */
  readonly filter?: string
  /**
   * The faults, such as `['drop', 'delay 100ms']`. By default `reset`, `fin`, `silence forever`,
   * `mute forever` and `forget` for TCP, and `drop`, `duplicate`, `delay` and `corrupt` for others.
   */
  readonly faults?: readonly string[]
  /**
   * Tries faults that end or silence TCP at chosen `'bytes'` of each stream, or at all `'packets'`.
   * By default the default faults are at bytes, and named ones at packets, except `fin` and
   * `abort`.
   */
  readonly points?: 'bytes' | 'packets'
  /**
   * With `[2, 3]` each two and each three packets in a row are lost, too, in the columns `burst 2`
   * and `burst 3`.
   */
  readonly bursts?: readonly number[]
  /**
   * 2 also faults the packets that appear only after a fault, such as retransmissions. Their rows
   * name that fault.
   */
  readonly depth?: 1 | 2
  /**
   * Also tries all pairs of faults that a run survives one by one, the nearest packets first. There
   * are many: set a `budget`.
   */
  readonly pairs?: boolean
  /** Also tries this many random sets of two to five such faults, which the `seed` draws. */
  readonly schedules?: number
  /**
   * Starts no more runs after this time, such as `'60s'`. The faults that it allows are spread over
   * the run. Past its middle, failures are repeated before other faults are tried. The report has
   * the number of the others.
   */
  readonly budget?: number | string
  /** How many runs of a module run at a time. By default the number of cores. */
  readonly concurrency?: number
  /**
   * Runs the process of a module again after a run that has left nothing and has not failed, which
   * saves its start. The state of the module then outlives the run. True by default in the kernel.
   * Refused in a guest; in memory, threads always run again.
   */
  readonly reuse?: boolean
  /**
   * Time limit of a run, also of a clean one. By default three times the clean run, and the cost of
   * the fault.
   */
  readonly timeout?: number | string
  /**
   * Also fails runs that reject in time under a fault that ends or silences a
   * connection. False by default, but true with `repair` among the faults, and in `explore.repeat`.
   */
  readonly strict?: boolean
  /**
   * Also fails runs that pass and return something else than runs without faults: the standard
   * output of a command, or what a scenario returns. Lines that differ without faults are not
   * compared.
   */
  readonly compare?: boolean
  /** Starts no more runs after this many failures. */
  readonly stopAt?: number
  /** The seed of the labs and of schedules. 1 by default. */
  readonly seed?: number
  /**
   * The world of the labs, like the option of createLab: `'kernel'`, `'memory'` in virtual time and
   * without programs, or `'guest'` in virtual time, for a module. `test.explore` takes memory by
   * default, and the kernel for a scenario that starts programs.
   */
  readonly world?: WorldName
  /**
   * The hosts that are hit by faults of hosts, `silence`, `mute` and `deaf` that name none: a name,
   * a list of names, or a function of the lab that returns them at the moment of the fault. A
   * module exports the function as `hit`.
   */
  readonly hit?: Hit
  /**
   * Runs with the lab after a scenario that has succeeded. A module exports it as `invariant`
   * instead.
   */
  readonly invariant?: Invariant
  /**
   * The promise of the program, such as a sentence of its README. The report quotes it. A module
   * exports it as `promise` instead.
   */
  readonly promise?: string
  /**
   * TCP's least retransmission timeout on the hosts of the labs: `'50ms'` by default, false for 200
   * ms. In the kernel it needs Linux 6.11 (net.ipv4.tcp_rto_min_us); the report says what it is. A
   * lost SYN is repeated after 1 s in any case.
   */
  readonly rtoMin?: number | string | false
  /**
   * Ends the exploration when it aborts: the report has the verdicts up to now. It rejects with the
   * signal's reason if the clean runs have not ended.
   */
  readonly signal?: AbortSignal
  /**
   * The directory in which failures leave their captures, by default the one for temporary files.
   * False records none.
   */
  readonly captures?: string | false
  /**
   * Called when a point was tried, and when its run was repeated, with
   * `{ done, total, failed, left }`. `left` is in milliseconds.
   */
  readonly onProgress?: (progress: Progress) => void
}

/** Options of a run with given faults. */
export type RepeatOptions = Pick<
  ExploreOptions,
  'timeout' | 'strict' | 'compare' | 'seed' | 'world' | 'hit' | 'invariant' | 'rtoMin' | 'signal'
>

/** Options of explore.shrink. */
export interface ShrinkOptions
  extends Omit<RepeatOptions, 'hit' | 'strict' | 'compare'>,
    Pick<ExploreOptions, 'captures'> {
  /** The random wire, in both directions or in each. It comes before the scenario's wires. */
  readonly wire: WireSpec
}

/**
 * The state of an exploration, for `onProgress`. `total` counts the points that are planned up to
 * now, and may grow.
 */
export interface Progress {
  /** The points that were tried once. */
  readonly done: number
  readonly total: number
  readonly failed: number
  /** Milliseconds that are left, by the speed up to now. */
  readonly left: number
}

export const EXPLORE_OPTIONS: Forms<ExploreOptions> = {
  links: LIST,
  filter: {
    accepts: value => typeof value === 'string' && value !== '',
    text: "a filter, such as 'tcp'",
  },
  faults: {
    accepts: value =>
      Array.isArray(value) && value.length > 0 && value.every(each => typeof each === 'string'),
    text: `a list of faults, such as ${FAULT_VERBS.join(', ')}, delay 3rtt`,
  },
  points: wordOf('a place of faults, which are', ['bytes', 'packets']),
  bursts: {
    accepts: value => Array.isArray(value) && value.every(n => Number.isSafeInteger(n) && n >= 2),
    text: 'a list of whole numbers of at least 2, such as [2, 3]',
  },
  depth: { accepts: value => value === 1 || value === 2, text: '1 or 2' },
  pairs: FLAG,
  schedules: COUNT,
  budget: DURATION,
  concurrency: COUNT,
  reuse: FLAG,
  timeout: DURATION,
  strict: FLAG,
  compare: FLAG,
  stopAt: COUNT,
  seed: WHOLE_NUMBER,
  world: wordOf('a world, which are', WORLDS),
  hit: HIT,
  invariant: FUNCTION,
  promise: { accepts: value => typeof value === 'string' && value !== '', text: 'a text' },
  rtoMin: {
    accepts: value => value === false || DURATION.accepts(value),
    text: "a duration, such as '50ms'",
  },
  signal: SIGNAL,
  captures: {
    accepts: value => value === false || (typeof value === 'string' && value !== ''),
    text: 'a directory, or false',
  },
  onProgress: FUNCTION,
}
const { timeout, strict, compare, seed, world, hit, invariant, rtoMin, signal, captures } =
  EXPLORE_OPTIONS
const RUN_OPTIONS = { timeout, seed, world, invariant, rtoMin, signal }
export const REPEAT_OPTIONS: Forms<RepeatOptions> = { ...RUN_OPTIONS, strict, compare, hit }
export const SHRINK_OPTIONS: Forms<ShrinkOptions> = { ...RUN_OPTIONS, captures, wire: WIRE }

/** Throws a UsageError for options that are not understood. */
export function checkExplore<O extends RepeatOptions>(
  what: string,
  scenario: unknown,
  options: O,
  forms: Forms<O>,
): void {
  const isModule = typeof scenario === 'string' || scenario instanceof URL
  if (!isModule && typeof scenario !== 'function') {
    throw new UsageError(`${what}(scenario): expected a function, or the path or URL of a module`)
  }
  checkForms(what, options, forms)
  if (isModule && options.invariant !== undefined) {
    throw new UsageError(
      `${what}: the module runs in another process: export \`invariant\` from it`,
    )
  }
  if (isModule && typeof options.hit === 'function') {
    throw new UsageError(
      `${what}: the module runs in another process: export \`hit\` from it, or give names`,
    )
  }
  if (!isModule && 'concurrency' in options && (options.concurrency ?? 1) !== 1) {
    throw new UsageError(
      `${what}: a function runs one at a time; for concurrency give the path of a module`,
    )
  }
  const { reuse = false, world: wantedWorld }: ExploreOptions = options
  if (reuse && (!isModule || wantedWorld === 'guest')) {
    const where = isModule
      ? 'in a guest each run continues another one'
      : 'a function always runs in this process'
    throw new UsageError(`${what}: reuse: ${where}: leave it out`)
  }
}
