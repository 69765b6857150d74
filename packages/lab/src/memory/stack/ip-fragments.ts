/** Cuts packets of IPv4 (RFC 791 section 3.2) and IPv6 (RFC 8200 section 4.5) into fragments. */
import { ETH_HLEN } from 'vnet/internal/packet/ethernet'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { put16, put32 } from 'vnet/internal/packet/octets'
import { IP4, type IpVersion } from './ip-version.ts'

/** Length of the fragment header of IPv6, and its flag for all fragments but the last. */
export const FRAGMENT_HLEN = 8
export const IP6_MF = 1

/**
 * Cuts the packet of a frame into fragments of at most `mtu` bytes, each in a frame. IPv6 packets
 * must have no extension headers: only their sender cuts them. `id` is for IPv6.
 */
export function fragmentsOf(version: IpVersion, frame: Uint8Array, mtu: number, id: number): Uint8Array[] {
  const isV4 = version === IP4
  const nh = ETH_HLEN
  const header = isV4 ? ipv4.headerLength(frame, nh) : version.header
  const extra = isV4 ? 0 : FRAGMENT_HLEN
  const payload = frame.subarray(nh + header)
  const room = Math.max(8, (mtu - header - extra) & ~7)
  // A forwarded packet of IPv4 may be a fragment itself.
  const first = isV4 ? ipv4.fragmentOffset(frame, nh) : 0
  const hasMore = isV4 && (ipv4.flags(frame, nh) & ipv4.IP_MF) !== 0
  const pieces: Uint8Array[] = []
  for (let at = 0; at < payload.length; at += room) {
    const data = payload.subarray(at, at + room)
    const piece = new Uint8Array(nh + header + extra + data.length)
    piece.set(frame.subarray(0, nh + header))
    piece.set(data, nh + header + extra)
    const isLast = at + room >= payload.length && !hasMore
    if (isV4) {
      ipv4.setTotalLength(piece, nh, header + data.length)
      put16(piece, nh + 6, ((first + at) >>> 3) | (isLast ? 0 : ipv4.IP_MF))
      version.finish(piece, nh)
    } else {
      const h = nh + header
      piece[h] = ipv6.nextHeader(frame, nh)
      put16(piece, h + 2, at | (isLast ? 0 : IP6_MF))
      put32(piece, h + 4, id)
      piece[nh + 6] = ipv6.NEXTHDR_FRAGMENT
      ipv6.setPayloadLength(piece, nh, FRAGMENT_HLEN + data.length)
    }
    pieces.push(piece)
  }
  return pieces
}
