/**
 * NatFragments: which host behind a NAT the fragments of a packet are for. Only the first one has
 * a port, so the others follow it. A fragment that comes before the first has no host.
 */
import { NSEC_PER_SEC } from '../../netdev/clock.ts'

const MAX = 256
/** As long as Linux waits for the rest of a packet (ipfrag_time). */
const SECONDS = 30

interface Fragmented {
  readonly address: number
  readonly expires: number
}

export class NatFragments {
  /** By source and identification of the packet, in the order in which they came. */
  readonly #packets = new Map<number, Fragmented>()

  /** Notes that the packet `identification` of `source` is for `address`. */
  set(source: number, identification: number, address: number, now: number): void {
    const key = source * 0x1_0000 + identification
    this.#packets.delete(key)
    this.#packets.set(key, { address, expires: now + SECONDS * NSEC_PER_SEC })
    if (this.#packets.size <= MAX) return
    const [first] = this.#packets.keys()
    this.#packets.delete(first as number)
  }

  get(source: number, identification: number, now: number): number | undefined {
    const packet = this.#packets.get(source * 0x1_0000 + identification)
    return packet !== undefined && packet.expires > now ? packet.address : undefined
  }

  clear(): void {
    this.#packets.clear()
  }
}
