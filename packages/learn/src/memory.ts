/** Runs the checks in memory: the driver in test beds, with the rules for every driver. */

import { callerOf, describeException, isOwnDefect, LOGLEVEL_WARNING } from 'vnet/internal/base/index'
import { TestBed } from 'vnet/internal/bed/test-bed'
import { type Driver, type NetDevice, netifRunning } from 'vnet/internal/netdev/index'
import * as exercises from './exercise.ts'

/** The findings of `--debug` about frames and their memory. Checks cover its other rules. */
const USE_OF_FRAMES =
  /: debug: (use-after|double-free|out-of-bounds|uninitialized-read|red-zone|past-end|write-after|leak|ring-overflow)/

const WOKEN = "woken (netif_wake_queue): start is for ndoOpen, and sends nothing of what waits in the kernel's queue"

/** Called before an operation of the driver with the operation, and after it with undefined. */
export type Entered = (operation: { readonly name: string; readonly code: unknown } | undefined) => void

/** Runs a check of the exercise. Never throws. */
export async function runInMemory(
  check: exercises.MemoryCheck,
  driver: Driver,
  exercise: exercises.Exercise,
  entered?: Entered,
): Promise<exercises.Result> {
  const { params: usual = {}, rules = [] } = exercise
  const logged: string[] = []
  const beds: TestBed[] = []
  const started: string[] = []
  const bench: exercises.Bench = {
    driver,
    async another(params = usual, options = {}) {
      const onLog = (line: string, level: number) => {
        if (level > LOGLEVEL_WARNING || check.allow?.test(line) || logged.includes(line)) return
        if (line.includes(': debug: ') && !USE_OF_FRAMES.test(line)) return
        logged.push(line)
      }
      const made = await TestBed.make(driver, params, { debug: true, ...options, allowErrors: true, onLog })
      beds.push(made)
      for (const dev of made.devices) {
        noteStarts(dev, started)
        if (entered !== undefined) noteOperations(dev, entered)
      }
      return made
    },
  }
  let problem: exercises.Explanation | undefined
  const attempt = async (run: () => Promise<void> | void, explain: (error: unknown) => exercises.Explanation) => {
    try {
      await run()
    } catch (error) {
      problem ??= error instanceof exercises.Explained ? error.explanation : explain(error)
    }
  }
  // In this order: a leak often follows from a logged problem.
  const complain = () => {
    if (problem === undefined && logged.length > 0)
      problem = { seen: `the log has: ${logged.shift()}`, expected: 'no warning and no error' }
  }
  await attempt(async () => check.run(await bench.another(check.params, check.options), bench), thrown)
  complain()
  for (const bed of beds.reverse()) await attempt(() => bed.close(), left)
  if (problem === undefined && started.length > 0) problem = { seen: started[0] as string, expected: WOKEN }
  complain()
  const rule = problem && rules.find(({ seen }) => seen.test(problem?.seen ?? ''))
  if (problem && rule) problem = { ...rule, seen: problem.seen }
  return exercises.resultOf('memory', check, problem, logged)
}

function thrown(error: unknown): exercises.Explanation {
  return {
    // A bed's error about the driver is not a defect of the bed: its line helps no learner.
    seen:
      error instanceof Error && error.name === 'Error' && isOwnDefect(error) ? error.message : describeException(error),
    expected: 'the driver loads, its devices are registered and come up, and nothing throws',
  }
}

function left(error: unknown): exercises.Explanation {
  return {
    seen: error instanceof Error ? error.message : describeException(error),
    expected: 'nothing is left when the interface is gone: each frame was handed on or freed, each timer cancelled',
  }
}

/** Records queues that are started instead of woken: in the kernel their frames would wait. */
function noteStarts(dev: NetDevice, started: string[]): void {
  for (const txq of dev.tx) {
    const start = txq.start.bind(txq)
    txq.start = () => {
      const seen = `queue ${txq.index} was stopped, and then started ${callerOf(txq.start) ?? ''}`.trimEnd()
      if (txq.stopped && netifRunning(dev)) started.push(seen)
      start()
    }
  }
}

/** The driver's operations are the prototype of those that the debug mode checks. */
function noteOperations({ netdevOps }: NetDevice, entered: Entered): void {
  const drivers = Object.getPrototypeOf(netdevOps) as Record<string, unknown>
  for (const [name, code] of Object.entries(drivers)) {
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
