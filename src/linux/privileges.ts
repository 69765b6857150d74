/** The rights of this program: it drops those for good that it does not need once it is ready. */
import { readFileSync, readlinkSync } from 'node:fs'
import { attempt, ETIMEDOUT, shellWord } from '../base/index.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'

/** Whether the thread has CAP_*. Read from /proc: a program without rights loads no library. */
export function hasCapability(capability: number): boolean {
  const [, effective = '0'] =
    /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1')) ?? []
  return ((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n) === 1n
}

/** Whether a process is in our user namespace; also true if it ended or is hidden. */
export function sharesUserNamespace(pid: number): boolean {
  return (
    attempt(() => readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync('/proc/self/ns/user')) ??
    true
  )
}

/** Drops all CAP_* but `keep` in all threads. If that throws, the process must end. */
export function dropPrivileges(native: Native, keep: readonly number[]): void {
  const half = (from: number) =>
    keep
      .filter(bit => bit >= from && bit < from + 32)
      .reduce((bits, bit) => (bits | (1 << (bit - from))) >>> 0, 0)
  const result = native.dropPrivileges(half(0), half(32))
  const advice =
    result === -ETIMEDOUT ? 'a thread did not respond; --keep-privileges skips this' : undefined
  check(result, 'drop privileges', advice)
}

/** Returns the command that starts this program again, with the same arguments. */
export const ownCommand = (): string[] => [
  process.execPath,
  ...process.execArgv,
  ...process.argv.slice(1),
]

/** Returns the shell command that runs this as root; node's path is full, as sudo has its own. */
export const sudoCommand = (): string => ['sudo', ...ownCommand().map(shellWord)].join(' ')
