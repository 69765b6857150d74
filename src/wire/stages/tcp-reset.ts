/** Makes TCP resets in the name of the two ends of a connection, from a segment between them. */
import {
  finish,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../../packet/checksum.ts'
import * as ethernet from '../../packet/ethernet.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import * as tcp from '../../packet/tcp.ts'
import { wholeTransport } from '../../packet/upper-header.ts'
import { networkOffset } from '../../packet/vlan.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { WireEnv } from '../wire.ts'

const HOP_LIMIT = 64

/** Returns the position of the TCP header of a frame, or -1 if it is not a whole TCP segment. */
export function tcpHeaderOf({ bytes, data, len }: SkBuff): number {
  const upper = wholeTransport(bytes, data, len)
  return upper?.protocol === ipv4.IPPROTO_TCP ? upper.h : -1
}

/**
 * Sends a reset to the receiver and one to the sender of a TCP segment with its header at `h`. Each
 * has the sequence number that its end expects: the segment's own for the receiver, the
 * acknowledged one for the sender (RFC 9293 sec. 3.10.7.1, RFC 5961 sec. 3.2). A reset does not
 * cause another reset. The caller still owns the segment. Without memory nothing is sent.
 */
export function sendResets(skb: SkBuff, h: number, env: WireEnv): void {
  const { bytes } = skb
  const acks = (tcp.flags(bytes, h) & tcp.TCP_ACK) !== 0
  const forward = resetOf(
    skb,
    h,
    env,
    tcp.sequenceNumber(bytes, h),
    acks ? tcp.acknowledgmentNumber(bytes, h) : 0,
    acks ? tcp.TCP_RST | tcp.TCP_ACK : tcp.TCP_RST,
  )
  if (forward !== undefined) {
    env.inject(forward)
  }
  resetSender(skb, h, env)
}

/** Sends a reset to the sender of a segment only, as sendResets does. */
export function resetSender(skb: SkBuff, h: number, env: WireEnv): void {
  const { bytes } = skb
  const flags = tcp.flags(bytes, h)
  if ((flags & tcp.TCP_RST) !== 0) return
  const sequence = tcp.sequenceNumber(bytes, h)
  const back =
    (flags & tcp.TCP_ACK) !== 0
      ? resetOf(skb, h, env, tcp.acknowledgmentNumber(bytes, h), 0, tcp.TCP_RST)
      : resetOf(skb, h, env, 0, sequence + lengthOf(skb, h, flags), tcp.TCP_RST | tcp.TCP_ACK)
  if (back === undefined) return
  turn(back)
  env.reply(back)
}

/** The sequence numbers that a segment takes: its data, SYN and FIN. */
function lengthOf({ bytes, data, len }: SkBuff, h: number, flags: number): number {
  const at = data + networkOffset(bytes, data, len)
  const end =
    ipv4.version(bytes, at) === 4
      ? ipv4.totalLength(bytes, at)
      : ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, at)
  const control = ((flags & tcp.TCP_SYN) !== 0 ? 1 : 0) + ((flags & tcp.TCP_FIN) !== 0 ? 1 : 0)
  return at + end - h - tcp.dataOffset(bytes, h) + control
}

/** Returns a segment without data and options, from and to the same ends as `skb`. */
function resetOf(
  skb: SkBuff,
  h: number,
  env: WireEnv,
  sequence: number,
  acknowledgment: number,
  control: number,
): SkBuff | undefined {
  const offset = networkOffset(skb.bytes, skb.data, skb.len)
  const isIpv4 = ipv4.version(skb.bytes, skb.data + offset) === 4
  const ipLength = isIpv4 ? ipv4.IPV4_HLEN : ipv6.IPV6_HLEN
  const size = offset + ipLength + tcp.TCP_HLEN
  const made = env.alloc(size, skb)
  if (made === undefined) return undefined
  const { bytes } = made
  const data = made.put(size)
  const at = data + offset
  const to = at + ipLength
  const from = skb.data + offset
  bytes.set(skb.bytes.subarray(skb.data, from), data)
  if (isIpv4) {
    ipv4.create(bytes, at, ipv4.IPPROTO_TCP, tcp.TCP_HLEN, HOP_LIMIT)
    bytes.set(skb.bytes.subarray(from + 12, from + ipv4.IPV4_HLEN), at + 12)
    ipv4.fillHeaderChecksum(bytes, at)
  } else {
    ipv6.create(bytes, at, ipv4.IPPROTO_TCP, tcp.TCP_HLEN, HOP_LIMIT)
    bytes.set(skb.bytes.subarray(from + 8, from + ipv6.IPV6_HLEN), at + 8)
  }
  tcp.setSourcePort(bytes, to, tcp.sourcePort(skb.bytes, h))
  tcp.setDestinationPort(bytes, to, tcp.destinationPort(skb.bytes, h))
  tcp.create(bytes, to, sequence, acknowledgment, control)
  const pseudo = isIpv4 ? pseudoHeaderSum4 : pseudoHeaderSum6
  const sum = pseudo(bytes, at, ipv4.IPPROTO_TCP, tcp.TCP_HLEN)
  tcp.setChecksum(bytes, to, finish(onesComplementSum(bytes, to, tcp.TCP_HLEN, sum)))
  return made
}

function turn({ bytes, data, len }: SkBuff): void {
  const at = data + networkOffset(bytes, data, len)
  const h = data + len - tcp.TCP_HLEN
  ethernet.swapAddresses(bytes, data)
  if (ipv4.version(bytes, at) === 4) {
    ipv4.swapAddresses(bytes, at)
  } else {
    ipv6.swapAddresses(bytes, at)
  }
  const port = tcp.sourcePort(bytes, h)
  tcp.setSourcePort(bytes, h, tcp.destinationPort(bytes, h))
  tcp.setDestinationPort(bytes, h, port)
}
