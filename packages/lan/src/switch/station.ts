/** A station: anything that is plugged into a segment. */
import type { SkBuff } from 'vnet/internal/skb/sk-buff'

/** A port of a device, an uplink, the simulated hosts, or a device that a user simulates. */
export interface Station {
  /** Its name in listings of the segment: `eth9`. */
  readonly name?: string | undefined
  /** Whether routers may be past it that the segment never hears. */
  readonly leadsToRouters?: boolean
  /** Takes over a frame to this station, or a copy of one to a group. `skb.dev` is undefined. */
  receive(skb: SkBuff): void
}

/**
 * A station that is part of the segment and alone gets frames to its addresses. It ends each frame
 * with one of `segment.forward`, `segment.take` (consumed) and `segment.drop` (lost).
 */
export interface Inhabitant extends Station {
  /** Whether it has the hardware address at `at`. */
  owns(bytes: Uint8Array, at: number): boolean
}

/** Returns whether a station is part of the segment itself. */
export const isInhabitant = (station: Station): station is Inhabitant => 'owns' in station
