/** Selects the packets of a capture that are replayed, and finds those recorded twice. */
import {
  FLAG_INBOUND,
  FLAG_OUTBOUND,
  LINKTYPE_ETHERNET,
  PACKET_ID_OFF_WIRE,
  PACKET_IDS,
  TC_ACT_SHOT,
  VERDICT_TC,
  VERDICT_XDP,
} from '../../capture/packet.ts'
import type { CaptureRecord } from '../../capture/record.ts'
import { ETH_HLEN } from '../../netdev/if.ts'

export const DIRECTIONS = ['out', 'in', 'all'] as const

/** The frames of a capture that are replayed; without a field, all of them. */
export interface Selection {
  /** Name of an interface in the capture. */
  readonly interface?: string | undefined
  /** Frames that the captured interface sent, or received. */
  readonly direction?: (typeof DIRECTIONS)[number] | undefined
}

const FLAG_DIRECTION = FLAG_INBOUND | FLAG_OUTBOUND
/** XDP_ABORTED and XDP_DROP are the verdicts up to this (include/uapi/linux/bpf.h). */
const XDP_DROP = 1

/** Returns why a packet is skipped, in a few words; undefined if it is replayed. */
export function skipReason(
  record: CaptureRecord,
  { interface: name, direction }: Selection,
): string | undefined {
  const { capturedLength, originalLength } = record
  if (record.linkType !== LINKTYPE_ETHERNET) return 'not Ethernet'
  if (name !== undefined && record.interfaceName !== name) return 'of another interface'
  if (isOther(record, direction)) {
    return direction === 'in' ? 'sent by the interface' : 'received by the interface'
  }
  if (isDrop(record)) return 'dropped, as the capture says'
  if (capturedLength < originalLength) return 'cut short by a snaplen'
  return capturedLength < ETH_HLEN ? 'shorter than an Ethernet header' : undefined
}

/** By default, skips frames that the capture also contains as sent. */
function isOther(record: CaptureRecord, direction: Selection['direction']): boolean {
  if (direction === undefined) return isArrival(record)
  const flagged = (record.flags ?? 0) & FLAG_DIRECTION
  if (direction === 'all' || flagged === 0) return false
  return flagged !== (direction === 'in' ? FLAG_INBOUND : FLAG_OUTBOUND)
}

/** Returns the number of the interface that sent a frame which a vnet captured. */
export const senderOf = (packetId: number): number => Math.floor(packetId / PACKET_IDS)

/**
 * Returns true for a received frame of a vnet's capture that another interface of the file sent, so
 * that it is also recorded as sent, or that the wire made.
 */
export function isArrival({ flags = 0, interfaceIndex, packetId }: CaptureRecord): boolean {
  if ((flags & FLAG_DIRECTION) !== FLAG_INBOUND || packetId === undefined) return false
  return senderOf(packetId) !== interfaceIndex || isOffWire(packetId)
}

/** Returns true for a frame that a vnet's wire made, or that was dropped before it. */
export const isOffWire = (packetId: number): boolean => packetId % PACKET_IDS >= PACKET_ID_OFF_WIRE

/** Returns true for the record of a drop: a capture of vnet also has the frame as sent. */
export function isDrop({ verdict, verdictType }: CaptureRecord): boolean {
  if (verdict === undefined) return false
  if (verdictType === VERDICT_TC) return verdict === TC_ACT_SHOT
  return verdictType === VERDICT_XDP && verdict >= 0 && verdict <= XDP_DROP
}
