/** The time of a thread without its waits for a CPU, for limits that a busy machine keeps. */
import { readFileSync, readlinkSync } from 'node:fs'
import { attempt, NSEC_PER_MSEC } from 'vnet'
import { thread } from './real.ts'

/** Returns the file of this thread that `ownTime` reads; undefined where there is none. */
export function schedstatOf(): string | undefined {
  const self = attempt(() => readlinkSync('/proc/thread-self'))
  return self === undefined ? undefined : `/proc/${self}/schedstat`
}

/** Returns real milliseconds, less those for which a thread was ready to run and had no CPU. */
export function ownTime(schedstat: string | undefined): number {
  const text =
    schedstat === undefined ? undefined : attempt(() => readFileSync(schedstat, 'latin1'))
  return thread.now() - (Number(text?.split(' ')[1]) || 0) / NSEC_PER_MSEC
}
