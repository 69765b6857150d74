/** tamper: changes the payload of a packet and corrects its checksum, which no kernel notices. */
import { checksumUpdate } from '../../packet/checksum.ts'
import { ETH_P_IP, ETH_P_IPV6 } from '../../packet/ethernet.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../../packet/ipv4.ts'
import { get16, put16 } from '../../packet/octets.ts'
import * as tcp from '../../packet/tcp.ts'
import { UDP_HLEN } from '../../packet/udp.ts'
import { UpperHeader } from '../../packet/upper-header.ts'
import { networkOffset } from '../../packet/vlan.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '../../skb/sk-buff.ts'

type Frame = Pick<SkBuff, 'bytes' | 'data' | 'len'>

/** Returns the middle byte of the payload of a whole TCP or UDP packet, or -1 without payload. */
export function payloadMiddle({ bytes, data, len }: Frame, upper = new UpperHeader()): number {
  const network = networkOffset(bytes, data, len)
  const type = network < 0 ? 0 : get16(bytes, data + network - 2)
  if (type !== ETH_P_IP && type !== ETH_P_IPV6) return -1
  if (upper.find(bytes, data + network, data + len) === 0 || upper.check < 0 || upper.isFragment) return -1
  const { h, end, protocol } = upper
  let header = -1
  if (protocol === IPPROTO_UDP) header = UDP_HLEN
  else if (protocol === IPPROTO_TCP) header = tcp.parse(bytes, h, end - h)
  const payload = h + header
  return header < 0 || payload >= end ? -1 : (payload + end) >>> 1
}

/**
 * Flips the lowest bit of the middle byte of the payload, and corrects the checksum. Returns the
 * position of the bit from the start of the frame, or -1 for a packet without payload.
 */
export function tamper(skb: SkBuff, upper: UpperHeader): number {
  const at = payloadMiddle(skb, upper)
  if (at < 0) return -1
  const { bytes, data } = skb
  const { h, end, check, protocol } = upper
  const word = at - ((at - h) & 1)
  const value = () => (word + 1 < end ? get16(bytes, word) : (bytes[word] as number) << 8)
  const before = value()
  bytes[at] ^= 1
  const checksum = get16(bytes, check)
  // The sum of a partial checksum covers the pseudo-header only, and 0 is UDP without a checksum.
  const hasChecksum = skb.ipSummed !== CHECKSUM_PARTIAL && (protocol !== IPPROTO_UDP || checksum !== 0)
  if (hasChecksum) {
    const corrected = checksumUpdate(checksum, before, value())
    put16(bytes, check, corrected === 0 && protocol === IPPROTO_UDP ? 0xffff : corrected)
  }
  return 8 * (at - data) + 7
}
