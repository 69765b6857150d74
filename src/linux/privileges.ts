/**
 * Least privilege: once it is ready, a program permanently drops the rights that it no longer
 * needs.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { ETIMEDOUT } from '../base/errno.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'

/**
 * Whether the thread has an effective capability (CAP_*). Read from /proc, because no library can
 * be loaded once privileges are dropped.
 */
export function hasCapability(capability: number): boolean {
  const [, effective = '0'] = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1')) ?? []
  return ((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n) === 1n
}

/**
 * Whether a process is in our user namespace. True also if it has ended, or if this user may not
 * look at it: a later call reports that.
 */
export function sharesUserNamespace(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync('/proc/self/ns/user')
  } catch {
    return true
  }
}

/**
 * Drops all capabilities but `keep` (CAP_*) in all threads. Throws a VnetError if a thread could
 * not be reached; the process must then end.
 */
export function dropPrivileges(native: Native, keep: readonly number[]): void {
  const half = (from: number) =>
    keep.filter(bit => bit >= from && bit < from + 32).reduce((bits, bit) => (bits | (1 << (bit - from))) >>> 0, 0)
  const result = native.dropPrivileges(half(0), half(32))
  const advice = result === -ETIMEDOUT ? 'a thread did not respond; --keep-privileges skips this' : undefined
  check(result, 'drop privileges', advice)
}
