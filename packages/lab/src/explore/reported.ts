/** Faults that the program of a run has reported itself. */
import { isEnding, mayReject, type PlannedFault } from '../model/index.ts'
import { packetOf, packetsOf } from './points.ts'
import type { RunResult } from './run-once.ts'

/**
 * Whether a run has rejected in time because of a fault that ends or silences a connection, and has
 * no other error: its program has reported the fault.
 */
export function isReported(
  result: Pick<RunResult, 'rejected' | 'links'>,
  plan: readonly PlannedFault[],
): boolean {
  if (result.rejected !== true || !mayReject(plan)) return false
  const hits = packetsOf(result).filter(({ hit }) => hit)
  return plan.some(fault => isEnding(fault) && packetOf(fault, hits) !== undefined)
}
