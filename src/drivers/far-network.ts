/**
 * The far network: every address with a far end (hidden-loopback.ts) is a host, as far as the near host can tell. A frame
 * that asks something of one is turned into its answer in place, in its own slot:
 *
 *   ARP request               ARP reply from the far address, to the asker (far-network-neighbour.ts)
 *   neighbour solicitation    advertisement: solicited, override, no router
 *   ICMP and ICMPv6 echo      reply, where the host at the far end is not a real one (far-network-echo.ts)
 *
 * Not answered, and untouched to the octet, is all else: what asks for one of the port's own addresses or claims one (probes,
 * announcements, duplicate address detection), what is malformed or has a wrong checksum, what is not unicast where it must
 * be. Nothing here allocates or throws, whatever the octets are.
 */
import type { NetDevice } from '../core/net-device.ts'
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from '../header/ethernet.ts'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../header/ipv4.ts'
import { get16 } from '../header/octets.ts'
import { networkOffset } from '../header/vlan.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { FarNetwork } from './far-network-address.ts'
import { answerEcho4, answerEcho6 } from './far-network-echo.ts'
import { answerArp, answerSolicitation } from './far-network-neighbour.ts'

export { type FarNetwork, farNetwork, isLocalAfterFlip } from './far-network-address.ts'

/**
 * Answers a frame that the host of `dev` sends, if it is one to answer. True: the skb now is the answer, to be received on
 * `dev`, its `mac`, `nh`, `h` and `protocol` set. False: it is as it was. It stays the caller's either way.
 *
 * `receiver` are the addresses, 4 or 16 octets each, of the device that gets the flipped frames: echo requests to those are
 * left for the host there to answer. `dev` must have header operations for anybody to be found.
 */
export function answerFar(skb: SkBuff, dev: NetDevice, far: FarNetwork, receiver: readonly Uint8Array[]): boolean {
  const { bytes, data, len } = skb
  if (skb.gsoSize !== 0) return false
  const offset = networkOffset(bytes, data, len)
  if (offset < 0) return false
  const nh = data + offset
  const type = get16(bytes, nh - 2)
  // The protocol is looked at first, inside the frame or not: of the many that are TCP or UDP nothing more is read.
  let h = -1
  if (type === ETH_P_IP) {
    if (bytes[nh + 9] === IPPROTO_ICMP) h = answerEcho4(skb, dev, nh, receiver)
  } else if (type === ETH_P_IPV6) {
    const next = bytes[nh + 6]
    if (next !== IPPROTO_TCP && next !== IPPROTO_UDP) {
      h = answerEcho6(skb, dev, nh, receiver)
      if (h < 0) h = answerSolicitation(skb, dev, nh, far)
    }
  } else if (type === ETH_P_ARP) {
    h = answerArp(skb, dev, nh, far)
  }
  if (h < 0) return false
  skb.mac = skb.data
  skb.nh = nh
  skb.h = h
  skb.protocol = type
  return true
}
