/**
 * Ping for the hosts of the far network that are nobody: an echo request between unicast addresses, whose destination is
 * neither the port's own nor, flipped, the receiver's, goes back as the reply (segment/echo.ts).
 *
 * Answers are -1 when there is none, the frame untouched; else the position of the transport header, 0 without one.
 */
import type { NetDevice } from '../core/net-device.ts'
import { IPV4_ALEN } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import { echo4, echo6 } from '../segment/echo.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { isLocal, isLocalAfterFlip } from './far-network-address.ts'
import { isUnicast4, isUnicast6 } from './hidden-loopback-address.ts'

/** Answers an IPv4 packet at `nh`; its protocol is ICMP. */
export function answerEcho4(skb: SkBuff, dev: NetDevice, nh: number, receiver: readonly Uint8Array[]): number {
  const { bytes } = skb
  const to = nh + 16
  if (!isUnicast4(bytes, nh + 12) || !isUnicast4(bytes, to)) return -1
  if (isLocal(bytes, to, IPV4_ALEN, dev.addresses) || isLocalAfterFlip(bytes, to, IPV4_ALEN, receiver)) return -1
  return echo4(skb, nh)
}

/** Answers an IPv6 packet at `nh`, whatever it carries. */
export function answerEcho6(skb: SkBuff, dev: NetDevice, nh: number, receiver: readonly Uint8Array[]): number {
  const { bytes } = skb
  const to = ipv6.destination(nh)
  if (!isUnicast6(bytes, ipv6.source(nh)) || !isUnicast6(bytes, to)) return -1
  if (isLocal(bytes, to, IPV6_ALEN, dev.addresses) || isLocalAfterFlip(bytes, to, IPV6_ALEN, receiver)) return -1
  return echo6(skb, nh)
}
