/** Runs the checks in memory of an exercise one by one: in a process, or in a browser's worker. */
import { describeException } from 'vnet/internal/base/exception'
import type { Driver } from 'vnet/internal/netdev/driver'
import { type CheckPlace, type Exercise, type MemoryCheck, type Result, resultOf } from './exercise.ts'
import { type Entered, runInMemory } from './memory.ts'

export type Report = { readonly begin: string } | { readonly end: Result }

/** The parts that differ between a process and a browser's worker. */
export interface Runner {
  /** Returns the driver of the file. */
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
    runner.report({ end: resultOf('memory', { title }, { seen, expected: 'a file that loads and exports a driver' }) })
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

/** Runs checks one by one, until one fails. */
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
  const seen = error instanceof Error ? text : `${text} was thrown: only an Error has the line that threw it`
  const expected = 'no exception outside of the functions that vnet calls, in a timer or a promise'
  return resultOf(where, { title }, { seen, expected })
}
