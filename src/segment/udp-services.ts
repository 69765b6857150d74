/**
 * What every host has on UDP: echo (RFC 862), discard (RFC 863), daytime (RFC 867), chargen (RFC
 * 864). As inetd(8) does, they do not reply to a port below 1024, nor to one on which any host has
 * a service: two that answer each other would do so for ever.
 */
import { IPPROTO_UDP } from '../header/ipv4.ts'
import * as udp from '../header/udp.ts'
import { UDP_CHECK, UDP_HLEN } from '../header/udp.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Datagram } from './host.ts'
import type { Hosts } from './hosts.ts'
import { fillChecksum, replyTo4, replyTo6 } from './reply.ts'
import { turnAround4, turnAround6 } from './turn-around.ts'

export const ECHO = 7
export const DISCARD = 9
export const DAYTIME = 13
export const CHARGEN = 19

/** Ports of services. */
const RESERVED = 1024
/** RFC 864: at most 512 characters, in lines of 72 that begin one character further on each. */
const CHARGEN_MOST = 512
const CHARGEN_LINE = 72
const FIRST_CHARACTER = 32
const CHARACTERS = 95
/** Octets until the pattern begins again. */
export const CHARGEN_PERIOD = CHARACTERS * (CHARGEN_LINE + 2)

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
]

/** Sends the datagrams back as they are, a GSO frame as the one frame it is. No checksum changes but IPv4's own. */
export function echo(hosts: Hosts, skb: SkBuff, { nh, h, isIpv6 }: Datagram): void {
  const { bytes } = skb
  const port = udp.sourcePort(bytes, h)
  if (isServicePort(hosts, port)) {
    hosts.segment.take(skb)
    return
  }
  udp.setSourcePort(bytes, h, udp.destinationPort(bytes, h))
  udp.setDestinationPort(bytes, h, port)
  if (isIpv6) turnAround6(skb, nh)
  else turnAround4(skb, nh)
  hosts.counters.udp++
  hosts.forward(skb)
}

export function discard(hosts: Hosts, skb: SkBuff): void {
  hosts.segment.take(skb)
}

/** As `Friday, November 20, 2026 17:37:43-UTC`, the form that RFC 867 names first. */
export function daytime(hosts: Hosts, skb: SkBuff, datagram: Datagram): void {
  const text = daytimeText(hosts.now())
  if (!mayReply(hosts, skb, datagram, text.length)) {
    hosts.segment.take(skb)
    return
  }
  const at = datagram.h + UDP_HLEN
  for (let i = 0; i < text.length; i++) skb.bytes[at + i] = text.charCodeAt(i)
  respond(hosts, skb, datagram, text.length)
}

/** A number of characters that chance chooses. */
export function chargen(hosts: Hosts, skb: SkBuff, datagram: Datagram): void {
  const length = hosts.env.random.below(CHARGEN_MOST + 1)
  if (!mayReply(hosts, skb, datagram, length)) {
    hosts.segment.take(skb)
    return
  }
  const at = datagram.h + UDP_HLEN
  for (let i = 0; i < length; i++) skb.bytes[at + i] = chargenCharacter(i)
  respond(hosts, skb, datagram, length)
}

/** The i-th octet that a character generator sends. */
export function chargenCharacter(i: number): number {
  const line = Math.floor(i / (CHARGEN_LINE + 2))
  const column = i % (CHARGEN_LINE + 2)
  if (column >= CHARGEN_LINE) return column === CHARGEN_LINE ? 0x0d : 0x0a
  return FIRST_CHARACTER + ((line + column) % CHARACTERS)
}

/** What the daytime service says at a moment, ms since 1970. */
export function daytimeText(now: number): string {
  const date = new Date(now)
  const day = `${DAYS[date.getUTCDay()]}, ${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}, ${date.getUTCFullYear()}`
  return `${day} ${date.toISOString().slice(11, 19)}-UTC\r\n`
}

function isServicePort({ udpPorts }: Hosts, port: number): boolean {
  return port < RESERVED || udpPorts.has(port)
}

/** Whether a reply of `length` octets may be sent, and has room. */
function mayReply(hosts: Hosts, skb: SkBuff, { h }: Datagram, length: number): boolean {
  return !isServicePort(hosts, udp.sourcePort(skb.bytes, h)) && h + UDP_HLEN + length <= skb.end
}

/** Sends the `length` octets behind the UDP header to where the datagram came from. */
function respond(hosts: Hosts, skb: SkBuff, { nh, h, isIpv6 }: Datagram, length: number): void {
  const { bytes } = skb
  const port = udp.sourcePort(bytes, h)
  const size = UDP_HLEN + length
  udp.setSourcePort(bytes, h, udp.destinationPort(bytes, h))
  udp.setDestinationPort(bytes, h, port)
  udp.setLength(bytes, h, size)
  const header = isIpv6 ? replyTo6(skb, nh, h, IPPROTO_UDP, size) : replyTo4(skb, nh, h, IPPROTO_UDP, size)
  fillChecksum(skb, header, h, IPPROTO_UDP, size, h + UDP_CHECK)
  hosts.counters.udp++
  hosts.forward(skb)
}
