/**
 * The worker of `vnet check`: a process that runs the checks of one exercise in one place, so that
 * a driver that does not return can be ended from outside. It prints one JSON line when a check
 * starts and one when it has ended.
 */
import { writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { attempt, type Driver } from 'vnet'
import type { CheckPlace, Exercise } from './exercise.ts'
import { onVnet, runLive } from './live.ts'
import { type Report, runEach, runMemoryChecks } from './run-memory.ts'

/** `load` returns the file's driver. `isConfined`: its programs cannot reach this process. */
export async function runChecks(
  exercise: Exercise,
  where: CheckPlace,
  { file, isConfined }: { readonly file: string; readonly isConfined: boolean },
  load: () => Promise<Driver>,
  report: (report: Report) => void,
): Promise<void> {
  if (where === 'live') {
    silenceIpv6()
    return runEach(exercise.live, check => runLive(check, onVnet(file, isConfined)), report)
  }
  return runMemoryChecks(exercise, { load, report, timers, turn: setImmediate })
}

/** The number of timers of Node.js that keep this process alive. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter(name => name === 'Timeout').length

/** Keeps the kernel from transmitting frames that no check requested, if IPv6 is available here. */
export function silenceIpv6(): void {
  attempt(() => writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1'))
}
