/** All kinds of toxics. */
import type { ToxicKind } from './toxic-kind.ts'
import { bandwidthToxic } from './toxics/bandwidth.ts'
import { corruptToxic } from './toxics/corrupt.ts'
import { dropToxic } from './toxics/drop.ts'
import { duplicateToxic } from './toxics/duplicate.ts'
import { latencyToxic } from './toxics/latency.ts'
import { limitDataToxic } from './toxics/limit-data.ts'
import { packetLossToxic } from './toxics/packet-loss.ts'
import { presetToxic } from './toxics/preset.ts'
import { reorderToxic } from './toxics/reorder.ts'
import { resetPeerToxic } from './toxics/reset-peer.ts'
import { silenceToxic } from './toxics/silence.ts'
import { slicerToxic } from './toxics/slicer.ts'
import { slowCloseToxic } from './toxics/slow-close.ts'
import { timeoutToxic } from './toxics/timeout.ts'
import { wireToxic } from './toxics/wire.ts'

/** The kinds that toxiproxy has, too. A client's request may have fields that they do not know. */
const OF_TOXIPROXY: readonly ToxicKind[] = [
  latencyToxic,
  bandwidthToxic,
  slowCloseToxic,
  timeoutToxic,
  resetPeerToxic,
  slicerToxic,
  limitDataToxic,
]

/** The kinds that only vnet has. */
const OF_VNET: readonly ToxicKind[] = [
  packetLossToxic,
  reorderToxic,
  duplicateToxic,
  corruptToxic,
  dropToxic,
  presetToxic,
  silenceToxic,
  wireToxic,
]

export const TOXIC_KINDS: ReadonlyMap<string, ToxicKind> = new Map(
  [...OF_TOXIPROXY, ...OF_VNET].map(kind => [kind.type, kind]),
)

/** Whether toxiproxy has this kind, too. */
export const isOfToxiproxy = (kind: ToxicKind): boolean => OF_TOXIPROXY.includes(kind)
