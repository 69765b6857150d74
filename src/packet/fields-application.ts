/** The messages in UDP that a network cannot start without: DHCP and DNS. */
import { formatAddress, formatHex, formatIpv4 } from './address.ts'
import * as dhcp from './dhcp.ts'
import * as dns from './dns.ts'
import { cutOff, type Header, header, hex, named } from './header-fields.ts'
import { get16, get32 } from './octets.ts'

/** Bytes of a DHCP message before its options. */
const DHCP_FIXED = 240

const DHCP_TYPES: ReadonlyMap<number, string> = new Map([
  [dhcp.DHCPDISCOVER, 'DISCOVER'],
  [dhcp.DHCPOFFER, 'OFFER'],
  [dhcp.DHCPREQUEST, 'REQUEST'],
  [dhcp.DHCPDECLINE, 'DECLINE'],
  [dhcp.DHCPACK, 'ACK'],
  [dhcp.DHCPNAK, 'NAK'],
  [dhcp.DHCPRELEASE, 'RELEASE'],
  [dhcp.DHCPINFORM, 'INFORM'],
])

/** RFC 1035 sec. 4.1.1, RFC 2136 sec. 2.2. */
const DNS_RCODES: ReadonlyMap<number, string> = new Map([
  [dns.NOERROR, 'no error'],
  [dns.FORMERR, 'format error'],
  [2, 'server failure'],
  [dns.NXDOMAIN, 'no such name'],
  [dns.NOTIMP, 'not implemented'],
  [dns.REFUSED, 'refused'],
])

export function dhcpHeader(data: Uint8Array): Header {
  if (data.length < DHCP_FIXED) return cutOff('DHCP', data.length, DHCP_FIXED)
  const message = dhcp.parse(data)
  if (message === undefined) {
    return header('DHCP', { 'Transaction id': hex(get32(data, 4), 8), Note: 'malformed or cut off' })
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
    'Message type': type === undefined ? 'none (BOOTP)' : named(DHCP_TYPES, type),
    Operation: op === dhcp.BOOTREQUEST ? 'request' : op === dhcp.BOOTREPLY ? 'reply' : op,
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
    Result: isReply ? named(DNS_RCODES, flags & 0xf) : undefined,
    Question: question && `${dns.formatName(question.name)} ${named(dns.DNS_TYPES, question.type)}`,
    Answers: isReply ? get16(data, 6) : undefined,
    Note: questions > 0 && question === undefined ? 'the question is malformed or cut off' : undefined,
  })
}
