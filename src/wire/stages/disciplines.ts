/** The queue disciplines of rate and trace, by keyword. */
import { UsageError } from '../../base/usage-error.ts'
import type { Cursor } from '../grammar/cursor.ts'
import { printLimit, type StagePart } from '../grammar/groups.ts'
import type { LimitSpec } from '../wire.ts'
import { codelKind } from './codel.ts'
import { dualpi2Kind } from './dualpi2.ts'
import { fqCodelKind } from './fq-codel.ts'
import { pieKind } from './pie.ts'
import { type DisciplineKind, type QueueKind, type QueueParams, queueParams } from './queue.ts'
import { redKind } from './red.ts'

/** A queue, either read from text or made by a program. */
export type WrittenQueue =
  | { readonly kind: string; readonly params: unknown }
  | QueueKind
  | undefined

const DISCIPLINES: Readonly<Record<string, DisciplineKind>> = {
  droptail: { read: () => undefined, print: () => 'droptail', build: () => 'tail' },
  drophead: { read: () => undefined, print: () => 'drophead', build: () => 'head' },
  red: redKind,
  codel: codelKind,
  fq_codel: fqCodelKind,
  pie: pieKind,
  dualpi2: dualpi2Kind,
}

export const queuePart: StagePart = {
  key: 'queue',
  name: 'queue discipline',
  keywords: Object.fromEntries(
    Object.entries(DISCIPLINES).map(([kind, { read }]) => [
      kind,
      (c: Cursor) => ({ kind, params: read(c) }),
    ]),
  ),
  missing: word => `${word} needs rate or trace beside it: rate 10mbit ${word}`,
}

export function printQueue(queue: WrittenQueue): string {
  if (typeof queue === 'object') return DISCIPLINES[queue.kind].print(queue.params)
  return queue === 'head' ? 'drophead' : ''
}

export function queueOf(queue: WrittenQueue, limit: LimitSpec | undefined): QueueParams {
  if (typeof queue === 'object' && !('make' in queue)) {
    return queueParams(limit, DISCIPLINES[queue.kind].build(queue.params, limit ?? {}))
  }
  if (typeof queue === 'string' && queue !== 'tail' && queue !== 'head') {
    throw new UsageError(
      `queue '${queue}': tail, head, red(...), codel(...), fqCodel(...), pie(...) or dualpi2(...)`,
    )
  }
  return queueParams(limit, queue)
}

export function limitText({ packets, ...rest }: LimitSpec = {}): string {
  return printLimit(packets === undefined || packets === 1000 ? rest : { packets, ...rest })
}
