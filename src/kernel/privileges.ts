/** Least privilege: what a program that is ready has no more use for is given up, for good. */
import { readFileSync } from 'node:fs'
import { ETIMEDOUT } from '../core/errno.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'

/**
 * Whether the thread has a capability (CAP_*) in effect. Read from /proc: nothing is to be loaded
 * once privileges are gone.
 */
export function hasCapability(capability: number): boolean {
  const [, effective = '0'] = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1')) ?? []
  return ((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n) === 1n
}

/**
 * Leaves all threads with those capabilities of `keep` (CAP_*) that they have. Throws a VnetError
 * when one thread could not be reached; the process must end then.
 */
export function dropPrivileges(native: Native, keep: readonly number[]): void {
  const half = (from: number) =>
    keep.filter(bit => bit >= from && bit < from + 32).reduce((bits, bit) => (bits | (1 << (bit - from))) >>> 0, 0)
  const result = native.dropPrivileges(half(0), half(32))
  const advice = result === -ETIMEDOUT ? 'a thread did not respond; --keep-privileges goes on without' : undefined
  check(result, 'give up privileges', advice)
}
