/**
 * Layers: where the headers of a frame are, for the two renderers: print.ts (a line) and fields.ts
 * (all fields). A frame may be malformed or cut off: nothing is read past its end, and nothing
 * throws.
 */
import * as ethernet from './ethernet.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'
import { get16 } from './octets.ts'
import { isVlan, VLAN_HLEN } from './vlan.ts'

/** One header of a frame. Positions count in the same bytes as the argument of layersOf. */
export interface Layer {
  /**
   * `vlan` is a tag of four bytes, `extension` all IPv6 extension headers, `upper` the header that
   * follows IP. A later fragment has no `upper`; for IPv6 it has `fragment` in its place.
   */
  readonly kind:
    | 'ethernet'
    | 'vlan'
    | 'arp'
    | 'ipv4'
    | 'ipv6'
    | 'extension'
    | 'fragment'
    | 'upper'
    | 'other'
  readonly at: number
  /** The end of the packet, without padding; of an extension its own end. */
  readonly end: number
  /** The EtherType; after IP, the protocol number of `upper`, or -1 if that is cut off. */
  readonly protocol: number
}

/**
 * Returns the layers of the Ethernet frame from `at` to `end`, from the outermost on. The last one
 * may be cut off by the end of the bytes. With `hasJumbo`, an IPv6 packet of length 0 ends with the
 * frame: it is a GSO frame above 64 KiB.
 */
export function layersOf(bytes: Uint8Array, at: number, end: number, hasJumbo = false): Layer[] {
  const layers: Layer[] = [{ kind: 'ethernet', at, end, protocol: 0 }]
  if (end - at < ethernet.ETH_HLEN) return layers
  let type = ethernet.etherType(bytes, at)
  let nh = at + ethernet.ETH_HLEN
  for (; isVlan(type); nh += VLAN_HLEN) {
    layers.push({ kind: 'vlan', at: nh, end, protocol: type })
    if (nh + VLAN_HLEN > end) return layers
    type = get16(bytes, nh + 2)
  }
  const network = { at: nh, end, protocol: type }
  if (type === ethernet.ETH_P_ARP) {
    layers.push({ kind: 'arp', ...network })
  } else if (type === ethernet.ETH_P_IP) {
    layers.push({ kind: 'ipv4', ...network }, ...above4(bytes, nh, end))
  } else if (type === ethernet.ETH_P_IPV6) {
    layers.push({ kind: 'ipv6', ...network }, ...above6(bytes, nh, end, hasJumbo))
  } else {
    layers.push({ kind: 'other', ...network })
  }
  return layers
}

function above4(bytes: Uint8Array, at: number, end: number): Layer[] {
  const header = ipv4.parseHeader(bytes, at, end - at)
  if (header < 0 || ipv4.fragmentOffset(bytes, at) !== 0) return []
  const last = Math.min(end, at + ipv4.totalLength(bytes, at))
  return [{ kind: 'upper', at: at + header, end: last, protocol: ipv4.protocol(bytes, at) }]
}

function above6(bytes: Uint8Array, at: number, end: number, hasJumbo: boolean): Layer[] {
  if (end - at < ipv6.IPV6_HLEN || ipv6.version(bytes, at) !== 6) return []
  const first = at + ipv6.IPV6_HLEN
  const length = ipv6.payloadLength(bytes, at)
  const last = length === 0 && hasJumbo ? end : Math.min(end, first + length)
  const upper = ipv6.upperLayer(bytes, at, last - at)
  const protocol = upper & 0xff
  if (upper < 0) return [{ kind: 'extension', at: first, end: last, protocol: -1 }]
  if (upper >>> 8 === 0) return [{ kind: 'fragment', at: first, end: last, protocol }]
  const to = at + (upper >>> 8)
  const found: Layer = { kind: 'upper', at: to, end: last, protocol }
  return to === first ? [found] : [{ kind: 'extension', at: first, end: to, protocol }, found]
}
