/**
 * The worker of `vnet check`: a process that runs the checks of one exercise in one place, so that
 * a driver that does not return can be ended from outside. It prints one JSON line when a check
 * starts and one when it has ended.
 */
import { writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { attempt } from 'vnet/internal/base/errno'
import type { Driver } from 'vnet/internal/netdev/driver'
import { type CheckPlace, type Exercise, type Result, resultOf } from './exercise.ts'
import { onVnet, runLive } from './live.ts'
import { runInMemory } from './memory.ts'

export type Report = { readonly begin: string } | { readonly end: Result }

/**
 * Runs checks until one fails: later checks would mislead about a driver that does less than they
 * assume. `load` returns the file's driver. `isConfined`: its programs cannot reach this process.
 */
export async function runChecks(
  exercise: Exercise,
  where: CheckPlace,
  { file, isConfined }: { readonly file: string; readonly isConfined: boolean },
  load: () => Promise<Driver>,
  report: (report: Report) => void,
): Promise<void> {
  const { memory, live } = exercise
  if (where === 'live') {
    silenceIpv6()
    return runEach(live, check => runLive(check, onVnet(file, isConfined)), report)
  }
  const title = 'the driver file loads'
  report({ begin: title })
  let driver: Driver
  try {
    driver = await load()
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error)
    const expected = 'a file that loads and exports a driver'
    report({ end: resultOf(where, { title }, { seen, expected }) })
    return
  }
  const run = async (check: (typeof memory)[number]) => {
    const before = timers()
    const end = await runInMemory(check, driver, exercise)
    // A rejected promise is reported when the event loop turns.
    await setImmediate()
    if (end.result === 'failed' || timers() <= before) return end
    const seen = 'the devices are gone, and a timer of setTimeout or setInterval still runs'
    const expected = 'none: use dev.net.clock, and cancel its alarms in ndoStop'
    return resultOf('memory', check, { seen, expected })
  }
  await runEach(memory, run, report)
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

/** The number of timers of Node.js that keep this process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length

/** Keeps the kernel from transmitting frames that no check requested, if IPv6 is available here. */
export function silenceIpv6(): void {
  attempt(() => writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1'))
}
