/** What the gateway does for its clients, as lines of a log: those that readers of dnsmasq's know. DHCP's are the server's own. */
import { D6O_CLIENTID, DHCPV6_INFORMATION_REQUEST, parse } from '../header/dhcpv6.ts'
import { type DnsQuestion, formatName, T_A, T_AAAA, T_PTR } from '../header/dns.ts'
import type { DnsRecord, DnsReply } from '../header/dns-reply.ts'
import { formatAddress } from '../header/ip-address.ts'
import type { AdvertisedPrefix } from '../header/router-advert.ts'

/** Octets of a DUID, its type included (RFC 8415 sec. 11.1). */
const DUID_MAX = 130

/** Others are told by their numbers. */
const TYPES: Readonly<Record<number, string>> = {
  ...{ 1: 'A', 2: 'NS', 5: 'CNAME', 6: 'SOA', 12: 'PTR', 15: 'MX', 16: 'TXT', 28: 'AAAA', 33: 'SRV', 65: 'HTTPS' },
  255: 'ANY',
}
const RCODES: Readonly<Record<number, string>> = { 0: 'NODATA', 1: 'FORMERR', 3: 'NXDOMAIN', 5: 'REFUSED' }

/** `query[A] web.lan from 198.18.0.100`, `reply web.lan is 198.18.0.2` */
export function dnsLines(from: string, { name, type }: DnsQuestion, { rcode, answers = [] }: DnsReply): string[] {
  const asked = formatName(name)
  const replies = answers.length === 0 ? [RCODES[rcode] ?? `RCODE ${rcode}`] : answers.map(dataOf)
  return [`query[${typeName(type)}] ${asked} from ${from}`, ...replies.map(reply => `reply ${asked} is ${reply}`)]
}

/** `RTR-ADVERT(eth9) 2001:db8:0:1::` */
export function advertLine(name: string, prefixes: readonly AdvertisedPrefix[]): string {
  return [`RTR-ADVERT(${name})`, ...prefixes.map(({ prefix }) => formatAddress(prefix))].join(' ')
}

/** `RTR-SOLICIT(eth9) 02:00:00:00:00:09` */
export function solicitLine(name: string, mac: Uint8Array): string {
  return `RTR-SOLICIT(${name}) ${hex(mac)}`
}

/** `DHCPINFORMATION-REQUEST(eth9) 00:03:00:01:02:00:00:00:00:09`, by the client's DUID; undefined for other messages. */
export function dhcpv6Line(name: string, message: Uint8Array): string | undefined {
  const { type, options } = parse(message) ?? {}
  if (type !== DHCPV6_INFORMATION_REQUEST) return undefined
  const client = options?.get(D6O_CLIENTID)?.subarray(0, DUID_MAX) ?? []
  return `DHCPINFORMATION-REQUEST(${name}) ${hex(client)}`.trimEnd()
}

function dataOf({ type, data: [first] }: DnsRecord): string {
  if ((type === T_A || type === T_AAAA) && first instanceof Uint8Array) return formatAddress(first)
  if (type === T_PTR && first !== undefined && 'name' in first) return formatName(first.name)
  return `<${typeName(type)}>`
}

const typeName = (type: number): string => TYPES[type] ?? `type=${type}`

const hex = (octets: Iterable<number>): string =>
  Array.from(octets, octet => octet.toString(16).padStart(2, '0')).join(':')
