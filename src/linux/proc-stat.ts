/** /proc/PID/stat (proc_pid_stat(5)). */
import { readFileSync } from 'node:fs'
import { attempt } from '../base/errno.ts'

/** USER_HZ is 100 on every architecture that Node runs on. */
const MS_PER_TICK = 10

// The fields utime and stime, counted from the state.
const UTIME = 11
const STIME = 12

/** The field flags, and a flag of it (linux/sched.h). */
const FLAGS = 6
const PF_EXITING = 0x4

/** The fields from the state on of `self`, a process, or `self/task/TID`; undefined if hidden. */
export function statOf(process: number | string): readonly string[] | undefined {
  const stat = attempt(() => readFileSync(`/proc/${process}/stat`, 'latin1'))
  return stat === undefined ? undefined : fieldsOf(stat)
}

/** Whether a process is ending, which takes seconds with many TAPs. False for 0, an unknown one. */
export function isExiting(pid: number): boolean {
  if (pid === 0) return false
  const fields = statOf(pid)
  return fields === undefined || (Number(fields[FLAGS]) & PF_EXITING) !== 0
}

/** Returns the fields from the state on of the text of such a file. */
export function fieldsOf(stat: string): readonly string[] {
  // The second field, the name of the program, may contain spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** Returns the CPU time that is in the fields, in milliseconds. */
export function cpuTimeOf(fields: readonly string[]): number {
  return (Number(fields[UTIME]) + Number(fields[STIME])) * MS_PER_TICK
}
