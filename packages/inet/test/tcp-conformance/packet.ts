/** IP packets around TCP segments and ICMP errors. */
import { finish, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from 'vnet/internal/packet/checksum'
import * as icmp from 'vnet/internal/packet/icmp'
import * as icmpv6 from 'vnet/internal/packet/icmpv6'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { concat, put16, put32 } from 'vnet/internal/packet/octets'
import { TCP_CHECK } from 'vnet/internal/packet/tcp'
import type { IcmpError } from './world.ts'

export interface Packet {
  readonly bytes: Uint8Array
  readonly protocol: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly payload: Uint8Array
}

const IPPROTO_ICMPV6 = 58

/** Returns the packet of a payload, with all checksums; `check` is the position of its checksum. */
function packet(protocol: number, from: Uint8Array, to: Uint8Array, payload: Uint8Array, check: number): Uint8Array {
  const isV4 = from.length === 4
  const header = isV4 ? ipv4.IPV4_HLEN : ipv6.IPV6_HLEN
  const bytes = concat([new Uint8Array(header), payload])
  if (isV4) {
    ipv4.create(bytes, 0, protocol, payload.length, 64)
    bytes.set(from, 12)
    bytes.set(to, 16)
    ipv4.fillHeaderChecksum(bytes, 0)
  } else {
    put32(bytes, 0, 0x6000_0000)
    put16(bytes, 4, payload.length)
    bytes[6] = protocol
    bytes[7] = 64
    bytes.set(from, 8)
    bytes.set(to, 24)
  }
  const sum = isV4
    ? protocol === ipv4.IPPROTO_ICMP
      ? 0
      : pseudoHeaderSum4(bytes, 0, protocol, payload.length)
    : pseudoHeaderSum6(bytes, 0, protocol, payload.length)
  put16(bytes, header + check, 0)
  put16(bytes, header + check, finish(onesComplementSum(bytes, header, payload.length, sum)))
  return bytes
}

export function tcpPacket(from: Uint8Array, to: Uint8Array, segment: Uint8Array): Uint8Array {
  return packet(ipv4.IPPROTO_TCP, from, to, segment, TCP_CHECK)
}

/** Types and codes of RFC 792 and RFC 4443. */
const KINDS = {
  'port-unreachable': { 4: [icmp.ICMP_DEST_UNREACH, icmp.ICMP_PORT_UNREACH], 6: [icmpv6.ICMPV6_DEST_UNREACH, 4] },
  'host-unreachable': { 4: [icmp.ICMP_DEST_UNREACH, 1], 6: [icmpv6.ICMPV6_DEST_UNREACH, 3] },
  'net-unreachable': { 4: [icmp.ICMP_DEST_UNREACH, 0], 6: [icmpv6.ICMPV6_DEST_UNREACH, 0] },
  'too-big': { 4: [icmp.ICMP_DEST_UNREACH, icmp.ICMP_FRAG_NEEDED], 6: [icmpv6.ICMPV6_PKT_TOOBIG, 0] },
} as const

/** Returns the peer's ICMP error about a segment that `host` sent to `peer`. */
export function errorPacket(error: IcmpError, host: Uint8Array, peer: Uint8Array, segment: Uint8Array): Uint8Array {
  const isV4 = host.length === 4
  const quoted = tcpPacket(host, peer, segment)
  const message = concat([new Uint8Array(icmp.ICMP_HLEN), quoted.subarray(0, (isV4 ? 20 : 40) + 20)])
  message.set(KINDS[error.kind][isV4 ? 4 : 6])
  if (error.kind === 'too-big') put32(message, 4, error.mtu)
  return packet(isV4 ? ipv4.IPPROTO_ICMP : IPPROTO_ICMPV6, peer, host, message, 2)
}

/** Reads a packet without extension headers; undefined for others. */
export function parsePacket(bytes: Uint8Array): Packet | undefined {
  if ((bytes[0] ?? 0) >>> 4 === 6) {
    const end = ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, 0)
    return {
      bytes,
      protocol: ipv6.nextHeader(bytes, 0),
      source: bytes.subarray(8, 24),
      destination: bytes.subarray(24, 40),
      payload: bytes.subarray(ipv6.IPV6_HLEN, end),
    }
  }
  const header = ipv4.parse(bytes, 0, bytes.length)
  if (header < 0) return undefined
  return {
    bytes,
    protocol: ipv4.protocol(bytes, 0),
    source: bytes.subarray(12, 16),
    destination: bytes.subarray(16, 20),
    payload: bytes.subarray(header, ipv4.totalLength(bytes, 0)),
  }
}
