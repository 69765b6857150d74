/** The kinds of stages, in the order of the stages of a group. */
import type { StageKind } from './grammar/groups.ts'
import { corruptKind } from './stages/corrupt.ts'
import { delayKind } from './stages/delay.ts'
import { duplicateKind } from './stages/duplicate.ts'
import { faultKind } from './stages/fault.ts'
import { blackholeKind, holdKind, partitionKind } from './stages/gates.ts'
import { linkKinds } from './stages/link-model.ts'
import { lossKind } from './stages/loss.ts'
import { matchKind } from './stages/match.ts'
import { mtuKind } from './stages/mtu.ts'
import { ownKind } from './stages/own.ts'
import { policerKind } from './stages/policer.ts'
import { rateKind } from './stages/rate.ts'
import { slotKind } from './stages/slot.ts'
import { traceKind } from './stages/trace.ts'
import { truncateKind } from './stages/truncate.ts'

export const STAGES: readonly StageKind[] = [
  partitionKind,
  blackholeKind,
  holdKind,
  mtuKind,
  faultKind,
  matchKind,
  lossKind,
  duplicateKind,
  corruptKind,
  truncateKind,
  ownKind,
  policerKind,
  rateKind,
  traceKind,
  ...linkKinds,
  delayKind,
  slotKind,
]
