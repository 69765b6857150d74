/** Runs a scenario once, in this process, in a lab of its own, with planned faults. */
import { AsyncLocalStorage } from 'node:async_hooks'

// Imported, because a scenario may replace the clock and the timers of globalThis.
import { hrtime } from 'node:process'
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { fileURLToPath } from 'node:url'
import { NSEC_PER_MSEC, UsageError, VnetError } from 'vnet'
import { messageOrDescription, timerMs } from 'vnet/kit/base'
import type { WatchedLink } from '../carrier/packet-watch.ts'
import { History, momentsOf, type OperationMoment } from '../history/history.ts'
import { patchRandom, seedRandom } from '../memory/time/seeded.ts'
import type { PlannedFault } from '../model/packet-name.ts'
import type { Hit, HostNames, Span } from '../nemesis/hit.ts'
import { Nemesis } from '../nemesis/nemesis.ts'
import { createLabWith } from '../network/create-lab.ts'
import { closeWithin } from '../network/fixture.ts'
import type { LabSetup } from '../network/links.ts'
import type { WorldName } from '../world/world.ts'
import { Checks, isOfCheck } from './checks.ts'
import { textOfReturned } from './compared.ts'
import { TIMED_OUT } from './result.ts'
import type { Invariant, LabScenario } from './scenario.ts'

/**
 * A scenario as its module exports it, or a function with the options of explore that belong to it.
 */
export interface Scenario {
  readonly default: LabScenario
  readonly invariant?: Invariant | undefined
  readonly hit?: Hit | undefined
}

/** A run and the setup of its lab. It is sent to the process of the run. */
export interface RunSpec extends LabSetup {
  /** Hosts that faults hit which name none. By default the module names them. */
  readonly hit?: HostNames | undefined
  readonly plan: readonly PlannedFault[]
  /** Milliseconds from the start of the scenario. */
  readonly timeout: number
  readonly seed: number
  readonly world: WorldName
  /** Whether the result has what the scenario returns. */
  readonly compares?: boolean | undefined
  /** Whether it may continue another run in a guest. The stops of that run take some time. */
  readonly mayBranch?: boolean | undefined
  /** Whether a thread may leave out the packets of a run that passes, except those with a fault. */
  readonly onlyHits?: boolean | undefined
  /**
   * The number of the repetition of a failure: in a process of its own, whatever `reuse` is, or for
   * the first one in a thread of its own.
   */
  readonly repeat?: number | undefined
}

/**
 * The result of one run, which always has one: a run that fails, hangs or is killed says so in
 * `error`.
 */
export interface RunResult {
  /** Why it failed, in one line or with a stack; undefined if it passed. */
  readonly error?: string | undefined
  /**
   * Whether the error is only that the scenario has rejected in time, without an error of a check
   * and without one that nothing has handled.
   */
  readonly rejected?: boolean | undefined
  /** The result of the scenario as a text, if runs are compared. */
  readonly returned?: string | undefined
  /** Whether an earlier run with the same state of the module has had an error. */
  readonly afterError?: boolean | undefined
  /** Milliseconds of the scenario. */
  readonly ms: number
  readonly links: ReadonlyMap<string, WatchedLink>
  /** The faults of links and hosts that have happened; undefined if the run was killed. */
  readonly spans?: readonly Span[] | undefined
  /** The kinds of timers, sockets and handles that kept the process of the run alive. */
  readonly left: readonly string[]
  readonly output: string
  /** Whether the scenario has called for what only a kernel has. */
  readonly needsKernel?: boolean | undefined
  /** The operations of the history of a failed run. */
  readonly operations?: readonly OperationMoment[] | undefined
  /** The time of the packets' clock at time 0 of the lab, in ns; undefined if it was killed. */
  readonly origin?: number | undefined
}

// Before a scenario loads its packages, which may take the functions of CommonJS.
patchRandom()

/** Milliseconds for the lab to end after a scenario, which takes some hundredths of a second. */
const CLOSE_MS = 5000

/** The start of an error if the run has ended before its fault happened. */
const UNSETTLED = 'hit had not settled when the run ended, and links held all packets meanwhile: '

/** The paths of this file and of this package's code, in frames of stacks. */
const OWN = fileURLToPath(import.meta.url)
const CODE = fileURLToPath(new URL('../', import.meta.url))

/** The run that an error belongs to, by its abort controller. */
const RUN = new AsyncLocalStorage<AbortController>()

/** Runs a scenario. Settles in any case; a lab that cannot be made rejects. */
export async function runOnce(
  { default: scenario, invariant, hit }: Scenario,
  { timeout, seed, world, hit: names, compares = false, ...setup }: RunSpec,
): Promise<RunResult> {
  let needsKernel = false
  const onRefused = () => {
    needsKernel = true
  }
  const lab = await createLabWith({ name: 'explore', seed, world }, { ...setup, onRefused })
  const abort = new AbortController()
  const broken = failureOf(abort, timeout)
  const endSeed = world === 'memory' ? seedRandom(seed) : undefined
  const nemesis = new Nemesis(lab, names ?? hit)
  const history = new History(lab)
  const origin = lab.world === 'memory' ? 0 : Number(hrtime.bigint()) - lab.now * NSEC_PER_MSEC
  const checks = new Checks(lab, nemesis, abort.signal)
  const started = performance.now()
  let error: string | undefined
  let rejected = false
  let returned: string | undefined
  let refused: UsageError | undefined
  nemesis.broken.catch(reason => {
    if (reason instanceof UsageError) {
      refused = reason
    }
  })
  try {
    const { always, eventually, settles } = checks
    const attempted = RUN.run(abort, async () => {
      const run = { lab, signal: abort.signal, history, always, eventually, settles }
      const value = await endOf(() => scenario(run))
      returned = compares ? textOfReturned(value) : undefined
      await checks.end()
      await invariant?.(lab)
    })
    await Promise.race([broken.failed, nemesis.broken, checks.failed, attempted])
  } catch (thrown) {
    const reason = thrown instanceof Rejection ? thrown.reason : thrown
    error = textOf(reason)
    rejected = reason !== thrown && !isOfCheck(reason) && !(reason instanceof UsageError)
  }
  const ms = performance.now() - started
  const links = await lab.watched().catch(() => new Map<string, WatchedLink>())
  const spans = nemesis.spans.all
  if (error !== undefined && nemesis.isAsking) {
    error = `${UNSETTLED}${error}`
    rejected = false
  }
  abort.abort(new Error('the run has ended'))
  nemesis.close()
  // A guest ends with its lab.
  if (setup.stops !== true) {
    await closeWithin(lab, CLOSE_MS).catch(({ message }: Error) => {
      error = rejected ? `${message}; before that: ${error}` : (error ?? message)
      rejected = false
    })
  }
  broken.end()
  endSeed?.()
  if (refused !== undefined) throw refused
  const operations = error === undefined ? undefined : momentsOf(history)
  return {
    error,
    rejected,
    returned,
    ms,
    links,
    spans,
    left: [],
    output: '',
    operations,
    origin,
    needsKernel,
  }
}

/** Why a scenario has rejected. */
class Rejection {
  readonly reason: unknown

  constructor(reason: unknown) {
    this.reason = reason
  }
}

/**
 * Calls a scenario, and returns its result. Settles a turn after its end, because errors that it
 * has left unhandled are reported in the next turn. Rejects with a Rejection.
 */
async function endOf(scenario: () => unknown): Promise<unknown> {
  let rejection: Rejection | undefined
  let value: unknown
  try {
    value = await scenario()
  } catch (reason) {
    rejection = new Rejection(reason)
  }
  await new Promise<void>(resolve => setImmediate(resolve))
  if (rejection !== undefined) throw rejection
  return value
}

/**
 * Returns a promise that rejects at the timeout, and at an error that nothing else handles, until
 * `end` is called. Errors after that, when sockets are closed, do not count. The timeout also
 * aborts `abort`.
 */
function failureOf(
  abort: AbortController,
  timeout: number,
): { failed: Promise<never>; end(): void } {
  let fail: (reason: unknown) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  const onError = (error: unknown) => {
    // An error of an earlier run with programs that have not ended is not of this run.
    if ((RUN.getStore() ?? abort) === abort) {
      fail(error)
    }
  }
  process.on('unhandledRejection', onError)
  process.on('uncaughtException', onError)
  const timer = setTimeout(() => {
    const error = new Error(`${TIMED_OUT} after ${Math.round(timeout)} ms`)
    error.stack = error.message
    abort.abort(error)
    fail(error)
  }, timerMs(timeout))
  return {
    failed,
    end: () => {
      clearTimeout(timer)
      process.off('unhandledRejection', onError)
      process.off('uncaughtException', onError)
    },
  }
}

function textOf(reason: unknown): string {
  if (reason instanceof VnetError) return messageOrDescription(reason)
  if (!(reason instanceof Error)) return String(reason)
  const cause = reason.cause instanceof Error ? ` (${reason.cause.message})` : ''
  return `${stackOf(reason)}${cause}`
}

/** Returns the stack of an error up to the scenario's call, without frames of Node and vnet. */
function stackOf({ stack, message }: Error): string {
  const lines = (stack ?? message).split('\n')
  const isFrame = (line: string) => /^ {4}at /.test(line)
  const end = lines.findIndex(line => isFrame(line) && line.includes(OWN))
  return lines
    .slice(0, end < 0 ? undefined : end)
    .filter(line => !(isFrame(line) && (line.includes('node:') || line.includes(CODE))))
    .join('\n')
}
