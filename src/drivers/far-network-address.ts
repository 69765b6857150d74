/** Whose address is whose: those of a port and, seen from the other end, their flipped forms. Nothing here allocates. */
import { ETH_ALEN } from '../header/ethernet.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import { FLIPPED_IPV4, FLIPPED_IPV6 } from './hidden-loopback-address.ts'

/** The hosts behind a device, as far as its host can tell. */
export interface FarNetwork {
  /** The hardware address of all of them, six octets. It is read anew for every answer: the owner may change it. */
  readonly address: Uint8Array
  /** Who asked, while an answer is made: a place to keep six octets without allocating. */
  readonly asker: Uint8Array
}

/** A far network whose hosts have the hardware address in `address`, which is kept, not copied. */
export function farNetwork(address: Uint8Array): FarNetwork {
  return { address, asker: new Uint8Array(ETH_ALEN) }
}

/** Whether the address of `length` octets (4 or 16) at `at` is one of `addresses`. */
export function isLocal(bytes: Uint8Array, at: number, length: number, addresses: readonly Uint8Array[]): boolean {
  return isAmong(bytes, at, length, addresses, 0)
}

/** Whether it is one of `addresses` after its network number is flipped: the host at the far end is a real one. */
export function isLocalAfterFlip(
  bytes: Uint8Array,
  at: number,
  length: number,
  addresses: readonly Uint8Array[],
): boolean {
  return isAmong(bytes, at, length, addresses, 1)
}

function isAmong(
  bytes: Uint8Array,
  at: number,
  length: number,
  addresses: readonly Uint8Array[],
  flipped: number,
): boolean {
  const bit = length === IPV6_ALEN ? FLIPPED_IPV6 : FLIPPED_IPV4
  for (let n = 0; n < addresses.length; n++) {
    const address = addresses[n]
    if (address.length !== length) continue
    let i = 0
    while (i < length && address[i] === (i === bit ? bytes[at + i] ^ flipped : bytes[at + i])) i++
    if (i === length) return true
  }
  return false
}
