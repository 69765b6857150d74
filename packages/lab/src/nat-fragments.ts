/**
 * NatFragments: the fate of the fragments of a packet that arrives at a NAT. Only the first one has
 * a port, so the others follow it. The NAT's stage holds fragments that arrive earlier.
 */
import { NSEC_PER_SEC } from 'vnet/internal/base/clock'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from 'vnet/internal/packet/ipv4'
import type { NatVerdict } from './nat-table.ts'

/** How many packets it remembers. The oldest is forgotten first. */
export const MAX_FRAGMENTED = 4096
/** Nanoseconds until an incomplete packet is dropped: the default of Linux (ipfrag_time). */
export const FRAGMENT_TIME = 30 * NSEC_PER_SEC
/** All other protocols share a key: none of them is translated. */
const PROTOCOLS = [IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP]

interface Fragmented {
  /** The address that the packet is for, or why its first fragment was dropped. */
  readonly fate: number | NatVerdict
  readonly expires: number
}

/** Returns the key of a packet, at least 1: its source, identification and protocol (RFC 791). */
export function fragmentKey(source: number, identification: number, protocol: number): number {
  return (source * 0x1_0000 + identification) * 4 + PROTOCOLS.indexOf(protocol) + 1
}

export class NatFragments {
  /** By key, in the order in which the first fragments arrived. */
  readonly #packets = new Map<number, Fragmented>()

  /** Records the fate of the first fragment of a packet. */
  set(key: number, fate: Fragmented['fate'], now: number): void {
    this.#packets.delete(key)
    this.#packets.set(key, { fate, expires: now + FRAGMENT_TIME })
    if (this.#packets.size <= MAX_FRAGMENTED) return
    const [first] = this.#packets.keys()
    this.#packets.delete(first as number)
  }

  /** Returns the fate of the first fragment; undefined if it has not arrived. */
  get(key: number, now: number): Fragmented['fate'] | undefined {
    const packet = this.#packets.get(key)
    return packet !== undefined && packet.expires > now ? packet.fate : undefined
  }

  clear(): void {
    this.#packets.clear()
  }
}
