/**
 * Runs the checks in memory of an exercise one by one, in a process or in a browser's worker: the
 * driver in test beds, with the rules for every driver.
 */

import * as vnet from 'vnet'
import { type Driver, type NetDevice, netifRunning } from 'vnet'
import * as drivers from 'vnet/drivers'
import { callerOf, describeException, isOwnDefect } from 'vnet/kit/base'
import { TestBed } from 'vnet/kit/bed'
import { LOGLEVEL_WARNING } from 'vnet/net'
import * as pci from 'vnet/pci'
import {
  type Bench,
  type CheckPlace,
  type Exercise,
  Explained,
  type Explanation,
  type MemoryCheck,
  type Result,
  resultOf,
} from './exercise.ts'

/** The start of a check, by its title, or its result. */
export type Report = { readonly begin: string } | { readonly end: Result }

/** The parts that differ between a process and a browser's worker. */
export interface Runner {
  /** Returns the driver of the file. Rejects with the reason if it does not load. */
  load(): Promise<Driver>
  report(report: Report): void
  /** Returns the number of timers that run. */
  timers(): number
  readonly entered?: Entered
  /** Resolves when rejected promises have been reported. */
  turn(): Promise<unknown>
}

/**
 * Runs checks until one fails: later checks would mislead about a driver that does less than they
 * assume.
 */
export async function runMemoryChecks(exercise: Exercise, runner: Runner): Promise<void> {
  const title = 'the driver file loads'
  runner.report({ begin: title })
  let driver: Driver
  try {
    driver = await runner.load()
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error)
    const expected = missingImport(seen) ?? 'a file that loads and exports a driver'
    runner.report({ end: resultOf('memory', { title }, { seen, expected }) })
    return
  }
  const run = async (check: MemoryCheck) => {
    const before = runner.timers()
    const end = await runInMemory(check, driver, exercise, runner.entered)
    await runner.turn()
    if (end.result === 'failed' || runner.timers() <= before) return end
    const seen = 'the devices are gone, and a timer of setTimeout or setInterval still runs'
    const expected = 'none: use dev.net.clock, and cancel its alarms in ndoStop'
    return resultOf('memory', check, { seen, expected })
  }
  await runEach(exercise.memory, run, report => runner.report(report))
}

/** Runs checks one by one until one fails, and reports the start and the result of each. */
export async function runEach<C extends { readonly title: string }>(
  checks: readonly C[],
  run: (check: C) => Promise<Result>,
  report: (report: Report) => void,
): Promise<void> {
  for (const check of checks) {
    report({ begin: check.title })
    const end = await run(check)
    report({ end })
    if (end.result === 'failed') return
  }
}

/** The result of the check that ran when an exception was thrown outside of all checks. */
export function strayException(where: CheckPlace, title: string, error: unknown): Result {
  const text = describeException(error)
  const seen =
    error instanceof Error ? text : `${text} was thrown: only an Error has the line that threw it`
  const expected = 'no exception outside of the functions that vnet calls, in a timer or a promise'
  return resultOf(where, { title }, { seen, expected })
}

/** The findings of `--debug` about frames and their memory. Checks cover its other rules. */
const USE_OF_FRAMES =
  /: debug: (use-after|double-free|out-of-bounds|uninitialized-read|red-zone|past-end|write-after|leak|ring-overflow)/

const WOKEN =
  "woken (netif_wake_queue): start is for ndoOpen, and sends nothing of what waits in the kernel's queue"

/** Called before an operation of the driver with the operation, and after it with undefined. */
type Entered = (operation: { readonly name: string; readonly code: unknown } | undefined) => void

/** Runs a check of the exercise. Never throws. */
export async function runInMemory(
  check: MemoryCheck,
  driver: Driver,
  exercise: Exercise,
  entered?: Entered,
): Promise<Result> {
  const { params: usual = {}, rules = [] } = exercise
  const logged: string[] = []
  const beds: TestBed[] = []
  const started: string[] = []
  const bench: Bench = {
    driver,
    async another(params = usual, options = {}) {
      const onLog = (line: string, level: number) => {
        if (level > LOGLEVEL_WARNING || check.allow?.test(line) || logged.includes(line)) return
        if (line.includes(': debug: ') && !USE_OF_FRAMES.test(line)) return
        logged.push(line)
      }
      const made = await TestBed.make(driver, params, {
        debug: true,
        ...options,
        allowErrors: true,
        onLog,
      })
      beds.push(made)
      for (const dev of made.devices) {
        noteStarts(dev, started)
        if (entered !== undefined) {
          noteOperations(dev, entered)
        }
      }
      return made
    },
  }
  let problem: Explanation | undefined
  const attempt = async (
    run: () => Promise<void> | void,
    explain: (error: unknown) => Explanation,
  ) => {
    try {
      await run()
    } catch (error) {
      problem ??= error instanceof Explained ? error.explanation : explain(error)
    }
  }
  // In this order: a leak often follows from a logged problem.
  const complain = () => {
    if (problem === undefined && logged.length > 0) {
      problem = { seen: `the log has: ${logged.shift()}`, expected: 'no warning and no error' }
    }
  }
  await attempt(
    async () => check.run(await bench.another(check.params, check.options), bench),
    thrown,
  )
  complain()
  for (const bed of beds.reverse()) {
    await attempt(() => bed.close(), left)
  }
  if (problem === undefined && started.length > 0) {
    problem = { seen: started[0] as string, expected: WOKEN }
  }
  complain()
  const rule = problem && rules.find(each => each.seen.test(problem?.seen ?? ''))
  if (problem && rule) {
    problem = { ...rule, seen: problem.seen }
  }
  // The other problems follow from it.
  const seen = [problem?.seen ?? '', ...logged].find(line => missingImport(line) !== undefined)
  if (problem && seen) {
    problem = { ...problem, seen, expected: missingImport(seen) ?? '' }
  }
  return resultOf('memory', check, problem, logged)
}

/** Returns what is expected of a driver that uses a name of vnet's without an import. */
function missingImport(seen: string): string | undefined {
  const [, name = ''] =
    /ReferenceError: (?:Can't find variable: )?(\w+)(?: is not defined)?/.exec(seen) ?? []
  const from = Object.entries({ vnet, 'vnet/drivers': drivers, 'vnet/pci': pci }).find(
    ([, names]) => Object.hasOwn(names, name),
  )
  return from && `${name} in an import: import { ${name} } from '${from[0]}'`
}

function thrown(error: unknown): Explanation {
  return {
    // A bed's error about the driver is not a defect of the bed: its line helps no learner.
    seen:
      error instanceof Error && error.name === 'Error' && isOwnDefect(error)
        ? error.message
        : describeException(error),
    expected: 'the driver loads, its devices are registered and come up, and nothing throws',
  }
}

function left(error: unknown): Explanation {
  return {
    seen: error instanceof Error ? error.message : describeException(error),
    expected:
      'nothing is left when the interface is gone: each frame was handed on or freed, each timer cancelled',
  }
}

/** Records queues that are started instead of woken: in the kernel their frames would wait. */
function noteStarts(dev: NetDevice, started: string[]): void {
  for (const txq of dev.tx) {
    const start = txq.start.bind(txq)
    txq.start = () => {
      const seen =
        `queue ${txq.index} was stopped, and then started ${callerOf(txq.start) ?? ''}`.trimEnd()
      if (txq.stopped && netifRunning(dev)) {
        started.push(seen)
      }
      start()
    }
  }
}

/** The driver's operations are the prototype of the debug mode's checked operations. */
function noteOperations({ netdevOps }: NetDevice, entered: Entered): void {
  const own = Object.getPrototypeOf(netdevOps) as Record<string, unknown>
  for (const [name, code] of Object.entries(own)) {
    const checked: unknown = Reflect.get(netdevOps, name)
    if (typeof checked !== 'function') continue
    const operation = (...args: unknown[]): unknown => {
      entered({ name, code })
      try {
        return Reflect.apply(checked, netdevOps, args)
      } finally {
        entered(undefined)
      }
    }
    Reflect.set(netdevOps, name, operation)
  }
}
