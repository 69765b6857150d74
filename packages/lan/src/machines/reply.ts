/** Replies with new link and IP headers directly before the data, in the slot of the frame. */
import { ethernet, ipv4, ipv6, type SkBuff } from 'vnet'
import { fillChecksum, IPDEFTTL, type Packet, setPlain, setPositions } from 'vnet/kit/drivers'

/**
 * Makes the frame a reply that carries the `length` bytes at `packet.h`, with the checksum at
 * `field` from there. The slot must reach that far. Options and extension headers are removed.
 */
export function makeReply(skb: SkBuff, packet: Packet, length: number, field: number): void {
  const { bytes, data } = skb
  const { isIpv6, h, sourceAt } = packet
  const nh = h - (isIpv6 ? ipv6.IPV6_HLEN : ipv4.IPV4_HLEN)
  if (nh !== packet.nh) {
    // In both families the two addresses end the fixed header.
    const addresses = 2 * (isIpv6 ? ipv6.IPV6_ALEN : ipv4.IPV4_ALEN)
    bytes.copyWithin(h - addresses, sourceAt, sourceAt + addresses)
    bytes.copyWithin(nh - ethernet.ETH_HLEN, data, data + ethernet.ETH_HLEN)
  }
  skb.data = nh - ethernet.ETH_HLEN
  skb.len = 0
  skb.put(h + length - skb.data)
  setPlain(skb)
  ethernet.swapAddresses(bytes, skb.data)
  if (isIpv6) {
    ipv6.swapAddresses(bytes, nh)
  } else {
    ipv4.swapAddresses(bytes, nh)
  }
  setPositions(packet, isIpv6, nh, h)
  packet.end = h + length
  fillHeader(skb, packet)
  fillChecksum(skb, packet, field)
}

/** Writes an IP header, except for the addresses, which must be set. */
export function fillHeader(
  { bytes }: SkBuff,
  { isIpv6, nh, h, end, protocol }: Packet,
  hops = IPDEFTTL,
): void {
  if (isIpv6) {
    ipv6.create(bytes, nh, protocol, end - h, hops)
    return
  }
  ipv4.create(bytes, nh, protocol, end - h, hops)
  ipv4.fillHeaderChecksum(bytes, nh)
}
