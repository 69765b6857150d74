/** CapturedPacket: a packet of a capture file, as the readers return it and the writers take it. */
import type { FrameDrop } from '../netdev/frame-drop.ts'

/** LINKTYPE_ETHERNET: frames that start with their Ethernet header. */
export const LINKTYPE_ETHERNET = 1

/** Bits of `flags`: the direction, as seen from the interface, and work left to offloads. */
export const FLAG_INBOUND = 1
export const FLAG_OUTBOUND = 2
export const FLAG_CHECKSUM_NOT_READY = 1 << 9
export const FLAG_TCP_SEGMENTATION_OFFLOADED = 1 << 11

/** The source of the verdict: a tc program or an XDP program. */
export const VERDICT_TC = 1
export const VERDICT_XDP = 2

/** The verdict of VERDICT_TC that the packet was dropped (include/uapi/linux/pkt_cls.h). */
export const TC_ACT_SHOT = 2

/** Packet ids of one sending interface: its number times this is added to them. */
export const PACKET_IDS = 2 ** 40
/** Added to the id of a frame that a wire made, or that was dropped before its wire. */
export const PACKET_ID_OFF_WIRE = 2 ** 39

/**
 * A moment: seconds since 1970-01-01 00:00 UTC and nanoseconds into that second, 0 to 999,999,999.
 * Both are whole numbers. One number of nanoseconds would not be exact, and a bigint is slow.
 */
export interface Moment {
  seconds: number
  nanoseconds: number
}

/**
 * The optional fields are the options of an enhanced packet block, in host order; undefined if
 * absent. A 64-bit number is exact up to 2^53. Classic pcap has none of them.
 */
export interface CapturedPacket extends Moment {
  /** Number of the interface in its section, from 0. */
  interfaceIndex: number
  bytes: Uint8Array
  at: number
  capturedLength: number
  /** The original length of the frame, of which capturedLength bytes were kept. */
  originalLength: number
  flags?: number | undefined
  /** Packets lost since the packet before it, on the same interface. */
  dropCount?: number | undefined
  /** The same for the same packet on every interface. */
  packetId?: number | undefined
  queue?: number | undefined
  /** Signed, because TC_ACT_UNSPEC is -1. */
  verdict?: number | undefined
  /** VERDICT_TC or VERDICT_XDP; the writer takes VERDICT_TC if it is undefined. */
  verdictType?: number | undefined
  comments?: readonly string[]
  /** Why a vnet dropped it. Programs that rewrite captures leave it out. */
  drop?: FrameDrop | undefined
}
