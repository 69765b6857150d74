/** ICMP errors about segments of a peer, which host.misbehave sends without a cause. */
import type { IpStack } from '@vnet/inet'
import { IP4 } from '@vnet/inet/kit'
import { ETH_HLEN, icmp, ipv4, tcp, UsageError } from 'vnet'
import { get16, put16, put32 } from 'vnet/kit/packet'
import type { Segment } from './segment.ts'

const TTL = 64
/** Bytes of the segment that an error quotes the headers of, with its own. */
const QUOTED = 1460

/** The type of an error in the high byte, and its code. */
type Kind = readonly [v4: number, v6: number]
/** Where IP has no such error. */
const NONE = 0

/**
 * Types and codes in IPv4 (RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 5.2.7) and in IPv6
 * (RFC 4443 section 3), by their names.
 */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['net-unreachable', [kindOf(3, 0), kindOf(1, 0)]],
  ['host-unreachable', [kindOf(3, 1), kindOf(1, 3)]],
  ['protocol-unreachable', [kindOf(3, 2), kindOf(4, 1)]],
  ['port-unreachable', [kindOf(3, 3), kindOf(1, 4)]],
  ['too-big', [kindOf(3, 4), kindOf(2, 0)]],
  ['prohibited', [kindOf(3, 13), kindOf(1, 1)]],
  ['source-quench', [kindOf(4, 0), NONE]],
  ['time-exceeded', [kindOf(11, 0), kindOf(3, 0)]],
  ['parameter-problem', [kindOf(12, 0), kindOf(4, 0)]],
])

function kindOf(type: number, code: number): number {
  return (type << 8) | code
}

/** Reads a name, or a type and a code: `3/1`. Throws a UsageError. */
export function icmpKind(text: string): Kind {
  const number = numberOf(text)
  const known = KINDS.get(text) ?? (number > 0 ? ([number, number] as const) : undefined)
  if (known !== undefined) return known
  throw new UsageError(
    `'${text}' is not an ICMP error: ${[...KINDS.keys()].join(', ')}, or a type and a code: 3/1`,
  )
}

function numberOf(text: string): number {
  const [, type = 0, code = 0] = /^(\d{1,3})\/(\d{1,3})$/.exec(text)?.map(Number) ?? []
  return type > 0 && type < 256 && code < 256 ? kindOf(type, code) : 0
}

/**
 * Sends an error about the last byte that a segment acknowledges: the newest that its peer is known
 * to have sent. Sends nothing if the version of IP has no such error.
 */
export function sendError(ip: IpStack, segment: Segment, [v4, v6]: Kind, mtu: number): void {
  const { frame, version, h, acknowledgment } = segment
  const kind = version === IP4 ? v4 : v6
  if (kind === NONE) return
  const address = (at: number) => frame.slice(at, at + version.address)
  const [own, peer] = [
    address(version.sourceAt(ETH_HLEN)),
    address(version.destinationAt(ETH_HLEN)),
  ]
  const message = new Uint8Array(icmp.ICMP_HLEN + version.header + tcp.TCP_HLEN)
  put16(message, 0, kind)
  put32(message, 4, mtu)
  const quoted = message.subarray(icmp.ICMP_HLEN)
  version.create(quoted, 0, ipv4.IPPROTO_TCP, QUOTED, TTL, 0, true)
  quoted.set(peer, version.sourceAt(0))
  quoted.set(own, version.destinationAt(0))
  version.finish(quoted, 0)
  tcp.create(quoted, version.header, acknowledgment - 1, 0, tcp.TCP_ACK)
  put16(quoted, version.header, get16(frame, h + 2))
  put16(quoted, version.header + 2, get16(frame, h))
  ip.send(version.icmp, own, peer, message)
}
