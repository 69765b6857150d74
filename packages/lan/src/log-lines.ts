/** Log lines about requests to the gateway, in the form of dnsmasq. The DHCP server has its own. */

import { formatAddress, formatHex } from 'vnet/internal/packet/address'
import { D6O_CLIENTID, DHCPV6_INFORMATION_REQUEST, parse } from 'vnet/internal/packet/dhcpv6'
import {
  DNS_TYPES,
  type DnsQuestion,
  type DnsRecord,
  type DnsReply,
  formatName,
  T_A,
  T_AAAA,
  T_PTR,
} from 'vnet/internal/packet/dns'
import type { AdvertisedPrefix } from 'vnet/internal/packet/router-advert'

/** Bytes of a DUID with its type (RFC 8415 sec. 11.1). */
const DUID_MAX = 130

const RCODES: Readonly<Record<number, string>> = { 0: 'NODATA', 1: 'FORMERR', 3: 'NXDOMAIN', 5: 'REFUSED' }

/** Returns `query[A] web.lan from 198.18.0.100` and `reply web.lan is 198.18.0.2`. */
export function dnsLines(from: string, { name, type }: DnsQuestion, { rcode, answers = [] }: DnsReply): string[] {
  const asked = formatName(name)
  const replies = answers.length === 0 ? [RCODES[rcode] ?? `RCODE ${rcode}`] : answers.map(dataOf)
  return [`query[${typeName(type)}] ${asked} from ${from}`, ...replies.map(reply => `reply ${asked} is ${reply}`)]
}

/** Returns `RTR-ADVERT(eth9) 2001:db8:0:1::`. */
export function advertLine(name: string, prefixes: readonly AdvertisedPrefix[]): string {
  return [`RTR-ADVERT(${name})`, ...prefixes.map(({ prefix }) => formatAddress(prefix))].join(' ')
}

/** Returns `RTR-SOLICIT(eth9) 02:00:00:00:00:09`. */
export function solicitLine(name: string, mac: Uint8Array): string {
  return `RTR-SOLICIT(${name}) ${formatHex(mac)}`
}

/** Messages to which only a stateful server replies (RFC 8415 sec. 7.3). */
const STATEFUL: Readonly<Record<number, string>> = {
  1: 'SOLICIT',
  3: 'REQUEST',
  4: 'CONFIRM',
  5: 'RENEW',
  6: 'REBIND',
  8: 'RELEASE',
  9: 'DECLINE',
}

/**
 * Returns the line `DHCPINFORMATION-REQUEST(eth9) 00:03:00:01:02:00:00:00:00:09`, with the client's
 * DUID, and as `kind` its first word. Returns undefined for messages that are not a client's.
 */
export function dhcpv6Line(name: string, message: Uint8Array): { kind: string; line: string } | undefined {
  const { type = 0, options } = parse(message) ?? {}
  const unanswered = STATEFUL[type]
  const isRequest = type === DHCPV6_INFORMATION_REQUEST
  if (!isRequest && unanswered === undefined) return undefined
  const kind = `DHCP${unanswered ?? 'INFORMATION-REQUEST'}(${name})`
  const client = formatHex(options?.get(D6O_CLIENTID)?.subarray(0, DUID_MAX) ?? [])
  const why = isRequest ? '' : 'not answered: only stateless DHCPv6 is served'
  return { kind, line: [kind, client, why].filter(word => word).join(' ') }
}

function dataOf({ type, data: [first] }: DnsRecord): string {
  if ((type === T_A || type === T_AAAA) && first instanceof Uint8Array) return formatAddress(first)
  if (type === T_PTR && first !== undefined && 'name' in first) return formatName(first.name)
  return `<${typeName(type)}>`
}

const typeName = (type: number): string => DNS_TYPES.get(type) ?? `type=${type}`
