/** The operations that the result of a failed run keeps. */
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { type Operation, operationName } from './history.ts'

export interface KeptOperation {
  /** In ns of the clock of the run's packets. `end` is undefined if it has not ended. */
  readonly start: number
  readonly end: number | undefined
  /** Same as in Operation. */
  readonly from: number
  readonly to: number
  /** Without its times. */
  readonly name: string
}

/** The most operations of a run that are kept. */
const KEPT_MAX = 200

/** Returns the last operations. `origin` is the time of the packets' clock at time 0 of the lab. */
export function keptOf(history: Iterable<Operation>, origin: number): readonly KeptOperation[] {
  const timeOf = (ms: number) => Math.round(origin + ms * NSEC_PER_MSEC)
  return [...history].slice(-KEPT_MAX).map(operation => ({
    start: timeOf(operation.start),
    end: operation.end === undefined ? undefined : timeOf(operation.end),
    from: operation.from,
    to: operation.to,
    name: operationName(operation),
  }))
}
