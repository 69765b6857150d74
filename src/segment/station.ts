/** Station: what is on a segment: a port of a device, an uplink, the simulated hosts, a device of a user's own. */
import type { SkBuff } from '../skb/sk-buff.ts'

export interface Station {
  /** What it is called by who looks at the segment: `eth9`. */
  readonly name?: string | undefined
  /** Takes over a frame that is for it: the frame itself, or a copy of a group's. `skb.dev` is undefined. */
  receive(skb: SkBuff): void
}

/**
 * A station that belongs to the segment, as the simulated hosts do: frames for an address of its own go to it alone, and it
 * says what became of each that it got: `segment.forward` sent it on, `segment.take` kept it, `segment.drop` lost it.
 */
export interface Inhabitant extends Station {
  /** Whether the hardware address at `at` is one of its own. */
  owns(bytes: Uint8Array, at: number): boolean
}

export function isInhabitant(station: Station): station is Inhabitant {
  return 'owns' in station
}
