/**
 * Nptv6: translates the prefixes of IPv6 addresses in place (RFC 6296). Each address in the
 * internal network, a /48, has one address in the external /48. The subnet, the 16 bits after the
 * prefix, changes by as much as the prefix, so that the sum of the address and every checksum
 * remain. So it keeps no connections, and hosts outside reach all hosts inside.
 */

import { checksum, ETH_P_IPV6, icmp, icmpv6, ipv6, vlan } from 'vnet'
import { get16, put16, UpperHeader } from 'vnet/kit/packet'
import { isAt } from '../model/subnet.ts'
import type { NatVerdict } from './nat-table.ts'

/** Bytes of a prefix, which the subnet follows. */
const PREFIX = 6
/** No address has this subnet, which counts as 0 in a sum (RFC 6296). */
const NO_SUBNET = 0xffff

export class Nptv6 {
  readonly #internal: Uint8Array
  readonly #external: Uint8Array
  /** Added to the subnet of an address inside, and outside. */
  readonly #outward: number
  readonly #inward: number
  readonly #upper = new UpperHeader()

  /** The addresses of both networks, of which the first 48 bits matter. */
  constructor(internal: Uint8Array, external: Uint8Array) {
    this.#internal = internal.slice(0, PREFIX)
    this.#external = external.slice(0, PREFIX)
    const [inside, outside] = [internal, external].map(each =>
      checksum.onesComplementSum(each, 0, PREFIX),
    ) as [number, number]
    this.#outward = inside + checksum.finish(outside)
    this.#inward = outside + checksum.finish(inside)
  }

  /** Returns the address outside of an address inside; undefined if it has none. */
  outside(address: Uint8Array): Uint8Array | undefined {
    const bytes = address.slice()
    return isAt(this.#internal, bytes, 0) && move(bytes, 0, this.#external, this.#outward)
      ? bytes
      : undefined
  }

  /** Translates the frame of `length` bytes at `at` that the router sends. */
  outbound(bytes: Uint8Array, at: number, length: number): NatVerdict {
    const nh = this.#find(bytes, at, length)
    if (nh < 0) return 'pass'
    const [source, destination] = [ipv6.sourceAt(nh), ipv6.destinationAt(nh)]
    if (
      isAt(this.#internal, bytes, source) &&
      !move(bytes, source, this.#external, this.#outward)
    ) {
      return 'untranslatable'
    }
    const quoted = this.#quoted(bytes)
    if (quoted >= 0 && isAt(this.#internal, bytes, ipv6.destinationAt(quoted))) {
      move(bytes, ipv6.destinationAt(quoted), this.#external, this.#outward)
    }
    if (!isAt(this.#external, bytes, destination)) return 'pass'
    return this.#toHost(bytes, destination, quoted) ? 'hairpin' : 'untranslatable'
  }

  /** Translates a frame that arrives for the router from outside. */
  inbound(bytes: Uint8Array, at: number, length: number): NatVerdict {
    const nh = this.#find(bytes, at, length)
    if (nh < 0) return 'pass'
    const [source, destination] = [ipv6.sourceAt(nh), ipv6.destinationAt(nh)]
    // Addresses inside have no meaning outside.
    if (isAt(this.#internal, bytes, source) || isAt(this.#internal, bytes, destination)) {
      return 'filtered'
    }
    if (!isAt(this.#external, bytes, destination)) return 'pass'
    return this.#toHost(bytes, destination, this.#quoted(bytes)) ? 'pass' : 'untranslatable'
  }

  /** Translates the destination, and the source of the packet that it had sent. */
  #toHost(bytes: Uint8Array, destination: number, quoted: number): boolean {
    const source = quoted < 0 ? -1 : ipv6.sourceAt(quoted)
    if (source >= 0 && isAt(this.#external, bytes, source)) {
      move(bytes, source, this.#internal, this.#inward)
    }
    return move(bytes, destination, this.#internal, this.#inward)
  }

  /** Finds the headers of an IPv6 packet. Returns -1 for any other frame. */
  #find(bytes: Uint8Array, at: number, length: number): number {
    const network = vlan.networkOffset(bytes, at, length)
    if (network < 0 || get16(bytes, at + network - 2) !== ETH_P_IPV6) return -1
    return this.#upper.find(bytes, at + network, at + length) === 6 ? at + network : -1
  }

  /** Returns the position of the packet that an ICMPv6 error quotes; -1 without one. */
  #quoted(bytes: Uint8Array): number {
    const { h, protocol, end } = this.#upper
    const quoted = h + icmp.ICMP_HLEN
    if (h < 0 || protocol !== ipv6.NEXTHDR_ICMP || quoted + ipv6.IPV6_HLEN > end) return -1
    return icmpv6.isError(icmp.type(bytes, h)) && ipv6.version(bytes, quoted) === 6 ? quoted : -1
  }
}

/** Replaces the prefix of an address, and adjusts its subnet. Returns false for NO_SUBNET. */
function move(bytes: Uint8Array, at: number, prefix: Uint8Array, growth: number): boolean {
  const subnet = get16(bytes, at + PREFIX)
  if (subnet === NO_SUBNET) return false
  const moved = checksum.fold(subnet + growth)
  bytes.set(prefix, at)
  put16(bytes, at + PREFIX, moved === NO_SUBNET ? 0 : moved)
  return true
}
