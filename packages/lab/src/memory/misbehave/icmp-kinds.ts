/** ICMP errors about segments of a peer, which host.misbehave sends without a cause. */
import type { IpStack } from '@vnet/inet/internal/ip/stack'
import { IP4 } from '@vnet/inet/internal/ip/version'
import { UsageError } from 'vnet/internal/base/usage-error'
import { ETH_HLEN } from 'vnet/internal/packet/ethernet'
import { ICMP_HLEN } from 'vnet/internal/packet/icmp'
import { IPPROTO_TCP } from 'vnet/internal/packet/ipv4'
import { get16, put16, put32 } from 'vnet/internal/packet/octets'
import * as tcp from 'vnet/internal/packet/tcp'
import kinds from './icmp-kinds.json' with { type: 'json' }
import type { Segment } from './segment.ts'

const TTL = 64
/** Bytes of the segment that an error quotes the headers of, with its own. */
const QUOTED = 1460

/** The type of an error in the high byte, and its code; 0 where IP has no such error. */
type Kind = readonly [v4: number, v6: number]

/**
 * Types and codes in IPv4 (RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 5.2.7) and in IPv6
 * (RFC 4443 section 3), by their names.
 */
const KINDS: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(kinds))

/** Reads a name, or a type and a code: `3/1`. Throws a UsageError. */
export function icmpKind(text: string): Kind {
  const [v4 = 0, v6 = 0] = (KINDS.get(text) ?? [text, text]).map(numberOf)
  if (v4 > 0) return [v4, v6]
  throw new UsageError(`'${text}' is not an ICMP error: ${[...KINDS.keys()].join(', ')}, or a type and a code: 3/1`)
}

function numberOf(text: string): number {
  const [, type = 0, code = 0] = /^(\d{1,3})\/(\d{1,3})$/.exec(text)?.map(Number) ?? []
  return type > 0 && type < 256 && code < 256 ? (type << 8) | code : 0
}

/**
 * Sends an error about the last byte that a segment acknowledges: the newest that its peer is known
 * to have sent. Sends nothing if the version of IP has no such error.
 */
export function sendError(ip: IpStack, segment: Segment, [v4, v6]: Kind, mtu: number): void {
  const { frame, version, h, acknowledgment } = segment
  const kind = version === IP4 ? v4 : v6
  if (kind === 0) return
  const address = (at: number) => frame.slice(at, at + version.address)
  const [own, peer] = [address(version.sourceAt(ETH_HLEN)), address(version.destinationAt(ETH_HLEN))]
  const message = new Uint8Array(ICMP_HLEN + version.header + tcp.TCP_HLEN)
  put16(message, 0, kind)
  put32(message, 4, mtu)
  const quoted = message.subarray(ICMP_HLEN)
  version.create(quoted, 0, IPPROTO_TCP, QUOTED, TTL, 0, true)
  quoted.set(peer, version.sourceAt(0))
  quoted.set(own, version.destinationAt(0))
  version.finish(quoted, 0)
  tcp.create(quoted, version.header, acknowledgment - 1, 0, tcp.TCP_ACK)
  put16(quoted, version.header, get16(frame, h + 2))
  put16(quoted, version.header + 2, get16(frame, h))
  ip.send(version.icmp, own, peer, message)
}
