/** Runs a scenario once, in this process, in a lab of its own, with planned faults. */
import { AsyncLocalStorage } from 'node:async_hooks'
// Imported, because a scenario may replace the timers of globalThis.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { createLabWith, type Lab, type WorldName } from '../index.ts'
import type { LabSetup } from '../links.ts'
import { closeWithin } from '../runner.ts'
import type { WatchedLink } from '../watch/link-watch.ts'
import type { PlannedFault } from '../watch/packet-name.ts'
import { TIMED_OUT } from './result.ts'
import type { Invariant, LabScenario } from './scenario.ts'

/** A run and the setup of its lab. It is sent to the process of the run. */
export interface RunSpec extends LabSetup {
  readonly plan: readonly PlannedFault[]
  /** Milliseconds from the start of the scenario. */
  readonly timeout: number
  readonly seed: number
  readonly world: WorldName
  /** Whether it may continue another run in a guest. The stops of that run take some time. */
  readonly mayBranch?: boolean | undefined
}

export interface RunResult {
  /** Why it failed, in one line or with a stack; undefined if it passed. */
  readonly error?: string | undefined
  /** Milliseconds of the scenario, and of the whole run. */
  readonly ms: number
  readonly total: number
  readonly links: ReadonlyMap<string, WatchedLink>
  /** The kinds of timers, sockets and handles that kept the process of the run alive. */
  readonly left: readonly string[]
  readonly output: string
}

/** Milliseconds for the lab to end after a scenario, which takes some hundredths of a second. */
const CLOSE_MS = 5000

/** The run that an error belongs to, by its abort controller. */
const RUN = new AsyncLocalStorage<AbortController>()

/** Runs `scenario`. Settles in any case; a lab that cannot be made rejects. */
export async function runOnce(
  scenario: LabScenario,
  invariant: Invariant | undefined,
  { timeout, seed, world, ...setup }: RunSpec,
): Promise<RunResult> {
  const began = performance.now()
  const lab = await createLabWith({ name: 'explore', seed, world }, setup)
  const abort = new AbortController()
  const broken = failureOf(abort, timeout)
  const started = performance.now()
  let error: string | undefined
  try {
    const attempted = RUN.run(abort, () => attempt(scenario, invariant, lab, abort.signal))
    await Promise.race([broken.failed, attempted])
  } catch (reason) {
    error = textOf(reason)
  }
  const ms = performance.now() - started
  const links = await lab.watched().catch(() => new Map<string, WatchedLink>())
  abort.abort(new Error('the run has ended'))
  // A guest ends with its lab.
  if (setup.stops !== true) await closeWithin(lab, CLOSE_MS).catch(reason => (error ??= (reason as Error).message))
  broken.end()
  return { error, ms, total: performance.now() - began, links, left: [], output: '' }
}

async function attempt(
  scenario: LabScenario,
  invariant: Invariant | undefined,
  lab: Lab,
  signal: AbortSignal,
): Promise<void> {
  await scenario({ lab, signal })
  // A rejection that the scenario has caused is reported in the next turn.
  await new Promise<void>(resolve => setImmediate(resolve))
  await invariant?.(lab)
}

/**
 * Returns a promise that rejects at the timeout, and at an error that nothing else handles, until
 * `end` is called. Errors after that, when sockets are closed, do not count.
 */
function failureOf(abort: AbortController, timeout: number): { failed: Promise<never>; end(): void } {
  let fail: (reason: unknown) => void = () => {}
  const failed = new Promise<never>((_, reject) => (fail = reject))
  failed.catch(() => {})
  const onError = (error: unknown) => {
    // An error of an earlier run, whose programs have not ended, is not of this run.
    if ((RUN.getStore() ?? abort) === abort) fail(error)
  }
  process.on('unhandledRejection', onError)
  process.on('uncaughtException', onError)
  const timer = setTimeout(() => {
    const error = new Error(`${TIMED_OUT} after ${Math.round(timeout)} ms`)
    error.stack = error.message
    abort.abort(error)
    fail(error)
  }, timeout)
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
  if (!(reason instanceof Error)) return String(reason)
  const cause = reason.cause instanceof Error ? ` (${reason.cause.message})` : ''
  return `${reason.stack ?? reason.message}${cause}`
}
