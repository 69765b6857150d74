/**
 * The fields of the headers that follow IP: ICMP, ICMPv6, UDP, TCP, and of the messages in UDP that
 * a network cannot start without: DHCP and DNS.
 */
import { printable } from '../base/printable.ts'
import { formatAddress, formatHex, formatIpv4 } from './address.ts'
import * as dhcp from './dhcp.ts'
import * as dns from './dns.ts'
import * as icmp from './icmp.ts'
import * as icmpv6 from './icmpv6.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'
import type { Layer } from './layers.ts'
import { ICMP_TYPE_NAMES, ICMPV6_TYPE_NAMES } from './names.ts'
import { get16, get32 } from './octets.ts'
import { flagText, ipv6Text, optionText } from './print.ts'
import * as tcp from './tcp.ts'
import * as udp from './udp.ts'

const DHCP_OPERATIONS: Readonly<Record<number, string>> = {
  [dhcp.BOOTREQUEST]: 'request',
  [dhcp.BOOTREPLY]: 'reply',
}

/** A header of a frame: `IPv4`, and its fields in their order. */
export interface Header {
  readonly name: string
  readonly fields: readonly { readonly name: string; readonly value: string }[]
}

/** Returns a header with these fields, in their order. Undefined ones are left out. */
export function header(
  name: string,
  fields: Readonly<Record<string, string | number | undefined>>,
): Header {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return {
    name,
    fields: given.map(([field, value]) => ({ name: field, value: printable(`${value}`) })),
  }
}

/** Returns a header of which only `there` bytes were captured. */
export function cutOff(name: string, there: number, size: number | undefined): Header {
  const of = size === undefined ? '' : ` of ${size}`
  return header(name, { Note: `cut off: ${Math.max(0, there)}${of} bytes are here` })
}

/** Returns `0x0800` for four digits. */
export const hex = (value: number, digits: number): string =>
  `0x${value.toString(16).padStart(digits, '0')}`

/** Returns `TCP (6)`; the number alone if it has no name. */
export function named(
  names: Readonly<Record<number, string>>,
  value: number,
  shown: string = `${value}`,
): string {
  const name = names[value]
  return name === undefined ? shown : `${name} (${shown})`
}

/** Bytes of a neighbour message up to the end of its target. */
const TARGET_END = 24

export function upperHeaders(bytes: Uint8Array, { at, end, protocol }: Layer): Header[] {
  if (protocol === ipv4.IPPROTO_TCP) return [tcpHeader(bytes, at, end)]
  if (protocol === ipv4.IPPROTO_UDP) return udpHeaders(bytes, at, end)
  if (protocol === ipv4.IPPROTO_ICMP) return [icmpHeader(bytes, at, end)]
  if (protocol === ipv6.NEXTHDR_ICMP) return [icmpv6Header(bytes, at, end)]
  return []
}

function tcpHeader(bytes: Uint8Array, at: number, end: number): Header {
  if (end - at < tcp.TCP_HLEN) return cutOff('TCP', end - at, tcp.TCP_HLEN)
  const flags = tcp.flags(bytes, at)
  const size = tcp.dataOffset(bytes, at)
  const options = Math.min(end, at + size)
  return header('TCP', {
    'Source port': tcp.sourcePort(bytes, at),
    'Destination port': tcp.destinationPort(bytes, at),
    'Sequence number': tcp.sequenceNumber(bytes, at),
    'Acknowledgment number':
      (flags & tcp.TCP_ACK) === 0 ? undefined : tcp.acknowledgmentNumber(bytes, at),
    'Header length': `${size} bytes`,
    Flags: `${flagNames(flags)} [${flagText(flags)}]`,
    Window: tcp.window(bytes, at),
    Checksum: hex(tcp.checksum(bytes, at), 4),
    'Urgent pointer': (flags & tcp.TCP_URG) === 0 ? undefined : tcp.urgentPointer(bytes, at),
    Options: size > tcp.TCP_HLEN ? optionText(bytes, at + tcp.TCP_HLEN, options) : undefined,
    Note: size < tcp.TCP_HLEN || at + size > end ? 'malformed or cut off' : undefined,
  })
}

function flagNames(flags: number): string {
  const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'].filter(
    (_, bit) => (flags & (1 << bit)) !== 0,
  )
  return names.join(' ') || 'none'
}

function udpHeaders(bytes: Uint8Array, at: number, end: number): Header[] {
  if (end - at < udp.UDP_HLEN) return [cutOff('UDP', end - at, udp.UDP_HLEN)]
  const ports = [udp.sourcePort(bytes, at), udp.destinationPort(bytes, at)] as const
  const length = udp.length(bytes, at)
  const checksum = udp.checksum(bytes, at)
  const found = [
    header('UDP', {
      'Source port': ports[0],
      'Destination port': ports[1],
      Length: `${length} bytes`,
      Checksum: checksum === 0 ? 'none' : hex(checksum, 4),
      Note: length < udp.UDP_HLEN ? 'malformed' : undefined,
    }),
  ]
  const data = bytes.subarray(
    at + udp.UDP_HLEN,
    Math.max(at + udp.UDP_HLEN, Math.min(end, at + length)),
  )
  const isDhcp = ports.every(
    port => port === dhcp.DHCP_SERVER_PORT || port === dhcp.DHCP_CLIENT_PORT,
  )
  if (isDhcp) {
    found.push(dhcpHeader(data))
  } else if (ports.includes(dns.DNS_PORT)) {
    found.push(dnsHeader(data))
  }
  return found
}

function icmpHeader(bytes: Uint8Array, at: number, end: number): Header {
  if (end - at < icmp.ICMP_HLEN) return cutOff('ICMP', end - at, icmp.ICMP_HLEN)
  const [type, code] = [icmp.type(bytes, at), icmp.code(bytes, at)]
  const isEcho = type === icmp.ICMP_ECHO || type === icmp.ICMP_ECHOREPLY
  const isTooBig = type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED
  return header('ICMP', {
    Type: named(ICMP_TYPE_NAMES, type),
    Code: code,
    Checksum: hex(icmp.checksum(bytes, at), 4),
    ...(isEcho && {
      Identifier: icmp.identifier(bytes, at),
      'Sequence number': icmp.sequenceNumber(bytes, at),
    }),
    ...(isTooBig && { 'Next-hop MTU': icmp.nextHopMtu(bytes, at) }),
    ...(type === icmp.ICMP_REDIRECT && { Gateway: formatIpv4(icmp.gateway(bytes, at)) }),
  })
}

function icmpv6Header(bytes: Uint8Array, at: number, end: number): Header {
  if (end - at < icmpv6.ICMPV6_HLEN) return cutOff('ICMPv6', end - at, icmpv6.ICMPV6_HLEN)
  const type = icmpv6.type(bytes, at)
  const isEcho = type === icmpv6.ICMPV6_ECHO_REQUEST || type === icmpv6.ICMPV6_ECHO_REPLY
  const hasTarget =
    [
      icmpv6.NDISC_NEIGHBOUR_SOLICITATION,
      icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT,
      icmpv6.NDISC_REDIRECT,
    ].includes(type) && end - at >= TARGET_END
  return header('ICMPv6', {
    Type: named(ICMPV6_TYPE_NAMES, type),
    Code: icmpv6.code(bytes, at),
    Checksum: hex(icmpv6.checksum(bytes, at), 4),
    ...(isEcho && {
      Identifier: icmpv6.identifier(bytes, at),
      'Sequence number': icmpv6.sequenceNumber(bytes, at),
    }),
    ...(type === icmpv6.ICMPV6_PKT_TOOBIG && { MTU: icmpv6.mtu(bytes, at) }),
    ...(hasTarget && { Target: ipv6Text(bytes, icmpv6.targetAt(at)) }),
  })
}

const DHCP_FIXED = 240

export function dhcpHeader(data: Uint8Array): Header {
  if (data.length < DHCP_FIXED) return cutOff('DHCP', data.length, DHCP_FIXED)
  const message = dhcp.parse(data)
  if (message === undefined) {
    return header('DHCP', {
      'Transaction id': hex(get32(data, 4), 8),
      Note: 'malformed or cut off',
    })
  }
  const { op, xid, secs, flags, ciaddr, yiaddr, giaddr, chaddr, options } = message
  const address = (value: number) => (value === 0 ? undefined : formatIpv4(value))
  const addressOption = (code: number) => {
    const value = options.get(code)
    return value?.length === 4 ? formatAddress(value) : undefined
  }
  const type = options.get(dhcp.DHO_MESSAGE_TYPE)?.[0]
  const lease = options.get(dhcp.DHO_LEASE_TIME)
  const name = options.get(dhcp.DHO_HOST_NAME)
  return header('DHCP', {
    'Message type': type === undefined ? 'none (BOOTP)' : named(dhcp.DHCP_MESSAGE_NAMES, type),
    Operation: DHCP_OPERATIONS[op] ?? op,
    'Transaction id': hex(xid, 8),
    Seconds: secs,
    Flags: (flags & dhcp.DHCP_FLAG_BROADCAST) === 0 ? 'unicast' : 'broadcast',
    'Client MAC': formatHex(chaddr),
    'Client address': address(ciaddr),
    'Your address': address(yiaddr),
    'Relay address': address(giaddr),
    'Requested address': addressOption(dhcp.DHO_REQUESTED_ADDRESS),
    Server: addressOption(dhcp.DHO_SERVER_IDENTIFIER),
    'Subnet mask': addressOption(dhcp.DHO_SUBNET_MASK),
    'Lease time': lease?.length === 4 ? `${get32(lease, 0)} s` : undefined,
    'Host name': name && String.fromCharCode(...name),
  })
}

export function dnsHeader(data: Uint8Array): Header {
  if (data.length < dns.DNS_HLEN) return cutOff('DNS', data.length, dns.DNS_HLEN)
  const flags = get16(data, 2)
  const isReply = (flags & dns.DNS_QR) !== 0
  const questions = get16(data, 4)
  const question = questions === 0 ? undefined : dns.parseQuestion(data)
  return header('DNS', {
    Id: hex(get16(data, 0), 4),
    Kind: isReply ? 'reply' : 'query',
    Result: isReply ? named(dns.DNS_RCODE_NAMES, flags & 0xf) : undefined,
    Question: question && `${dns.formatName(question.name)} ${named(dns.DNS_TYPES, question.type)}`,
    Answers: isReply ? get16(data, 6) : undefined,
    Note:
      questions > 0 && question === undefined ? 'the question is malformed or cut off' : undefined,
  })
}
