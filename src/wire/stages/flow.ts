/** The flow of a packet: its addresses, protocol, and the ports of whole TCP and UDP packets. */
import { ETH_P_IP, ETH_P_IPV6, get16, networkOffset } from '../../packet/index.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'

/** Returns the same number from 0 to 2^32 - 1 for all packets of a flow; -1 if it is not IP. */
export function flowHash({ bytes, data, len }: SkBuff, key: number): number {
  const network = networkOffset(bytes, data, len)
  if (network < 0) return -1
  const at = data + network
  const type = get16(bytes, at - 2)
  let hash = key
  let protocol: number
  let ports = -1
  if (type === ETH_P_IP && ipv4.parse(bytes, at, len - network) >= 0) {
    protocol = ipv4.protocol(bytes, at)
    if (!ipv4.isFragment(bytes, at)) {
      ports = at + ipv4.headerLength(bytes, at)
    }
    hash = mixed(bytes, at + 12, at + ipv4.IPV4_HLEN, hash)
  } else if (type === ETH_P_IPV6 && ipv6.parse(bytes, at, len - network) >= 0) {
    const upper = ipv6.upperLayer(bytes, at, len - network, false)
    protocol = upper & 0xff
    if (upper >= 0) {
      ports = at + (upper >>> 8)
    }
    hash = mixed(bytes, ipv6.sourceAt(at), at + ipv6.IPV6_HLEN, hash)
  } else {
    return -1
  }
  const hasPorts = protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP
  if (hasPorts && ports >= 0 && ports + 4 <= data + len) {
    hash = mixed(bytes, ports, ports + 4, hash)
  }
  hash = Math.imul(hash ^ protocol, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function mixed(bytes: Uint8Array, from: number, to: number, key: number): number {
  let hash = key
  for (let at = from; at < to; at += 2) {
    hash = Math.imul(hash ^ get16(bytes, at), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash
}
