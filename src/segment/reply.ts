/**
 * A frame made into an answer to who sent it, in its own slot: fresh link and IP headers, straight before what is carried.
 * Options and extension headers of the packet that is answered are not taken along.
 */
import { finish, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../header/checksum.ts'
import { ETH_HLEN, swapAddresses } from '../header/ethernet.ts'
import * as ipv4 from '../header/ipv4.ts'
import { IPPROTO_UDP, IPV4_HLEN } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_HLEN } from '../header/ipv6.ts'
import { put16 } from '../header/octets.ts'
import { CHECKSUM_NONE, type SkBuff } from '../skb/sk-buff.ts'
import { IPDEFTTL } from './turn-around.ts'

/**
 * Makes the frame with an IPv4 packet at `nh` one to its sender that carries the `length` octets at `h` as `protocol`: `h` is
 * behind the packet's header, and the slot reaches as far. Answers where the new header is.
 */
export function replyTo4(skb: SkBuff, nh: number, h: number, protocol: number, length: number): number {
  const { bytes } = skb
  const header = h - IPV4_HLEN
  if (header !== nh) bytes.copyWithin(header + 12, nh + 12, nh + IPV4_HLEN)
  putLinkHeader(skb, header, h + length)
  ipv4.create(bytes, header, protocol, length, IPDEFTTL)
  ipv4.swapAddresses(bytes, header)
  ipv4.fillHeaderChecksum(bytes, header)
  return header
}

/** The same for IPv6. */
export function replyTo6(skb: SkBuff, nh: number, h: number, protocol: number, length: number): number {
  const { bytes } = skb
  const header = h - IPV6_HLEN
  if (header !== nh) bytes.copyWithin(header + 8, nh + 8, nh + IPV6_HLEN)
  putLinkHeader(skb, header, h + length)
  ipv6.create(bytes, header, protocol, length, IPDEFTTL)
  ipv6.swapAddresses(bytes, header)
  return header
}

/** Writes the checksum at `field` of the `length` octets at `h` under the IP header at `nh`. */
export function fillChecksum(
  skb: SkBuff,
  nh: number,
  h: number,
  protocol: number,
  length: number,
  field: number,
  view?: DataView,
): void {
  const { bytes } = skb
  const pseudo =
    ipv4.version(bytes, nh) === 4
      ? pseudoHeaderSum4(bytes, nh, protocol, length)
      : pseudoHeaderSum6(bytes, nh, protocol, length)
  put16(bytes, field, 0)
  const check = finish(onesComplementSum(bytes, h, length, pseudo, view))
  put16(bytes, field, check === 0 && protocol === IPPROTO_UDP ? 0xffff : check)
}

/** Moves the link header to where one ends at `header`, turned round; the frame then ends at `end`. */
function putLinkHeader(skb: SkBuff, header: number, end: number): void {
  const { bytes, data } = skb
  const at = header - ETH_HLEN
  if (at !== data) bytes.copyWithin(at, data, data + ETH_HLEN)
  swapAddresses(bytes, at)
  skb.data = at
  skb.len = 0
  skb.put(end - at)
  skb.ipSummed = CHECKSUM_NONE
  skb.gsoSize = 0
  skb.gsoType = 0
}
