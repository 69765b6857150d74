/** /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst). */
import { readFileSync } from 'node:fs'
import { attempt } from 'vnet'

/** Returns how long a process's main thread waited for a processor, in ms; 0 if unknown. */
export function processorWaitOf(pid: number): number {
  const fields = attempt(() => readFileSync(`/proc/${pid}/schedstat`, 'latin1'))?.split(' ')
  return Number(fields?.[1] ?? 0) / 1e6
}
