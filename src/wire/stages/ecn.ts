/** Explicit congestion notification (RFC 3168): marks packets in place of dropping them. */
import { checksumUpdate, ETH_P_IP, ETH_P_IPV6, get16, networkOffset } from '../../packet/index.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import { IPV6_HLEN } from '../../packet/ipv6.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'

/** The two bits of ECN: not capable, capable (1 and 2), congestion experienced. */
const NOT_ECT = 0
const CE = 3

/** Returns the ECN field of a packet, with or without VLAN tags; 0 if it is not IP. */
export function ecnOf({ bytes, data, len }: Pick<SkBuff, 'bytes' | 'data' | 'len'>): number {
  const network = networkOffset(bytes, data, len)
  if (network < 0) return NOT_ECT
  const nh = data + network
  const type = get16(bytes, nh - 2)
  if (type === ETH_P_IP && len - network >= ipv4.IPV4_HLEN) return bytes[nh + 1] & CE
  return type === ETH_P_IPV6 && len - network >= IPV6_HLEN ? (bytes[nh + 1] >>> 4) & CE : NOT_ECT
}

/**
 * Marks a packet as having experienced congestion (CE), with or without VLAN tags, and updates the
 * checksum of IPv4's header. Returns false, and changes nothing, if its sender is not capable of
 * ECN, or if it is not IP.
 */
export function markCe({ bytes, data, len }: SkBuff): boolean {
  const network = networkOffset(bytes, data, len)
  if (network < 0) return false
  const nh = data + network
  const type = get16(bytes, nh - 2)
  if (type === ETH_P_IP && len - network >= ipv4.IPV4_HLEN && ipv4.version(bytes, nh) === 4) {
    if ((bytes[nh + 1] & CE) === NOT_ECT) return false
    const before = get16(bytes, nh)
    bytes[nh + 1] |= CE
    ipv4.setHeaderChecksum(
      bytes,
      nh,
      checksumUpdate(ipv4.headerChecksum(bytes, nh), before, get16(bytes, nh)),
    )
    return true
  }
  if (type !== ETH_P_IPV6 || len - network < IPV6_HLEN || bytes[nh] >>> 4 !== 6) return false
  // The traffic class lies across two bytes.
  if ((bytes[nh + 1] & (CE << 4)) === NOT_ECT) return false
  bytes[nh + 1] |= CE << 4
  return true
}
