/** UDP for the simulated hosts (RFC 768, RFC 1122 sec. 4.1): services, handlers, closed ports. */

import {
  CHECKSUM_NONE,
  ethernet,
  ipv4,
  ipv6,
  SKB_DROP_REASON_L4_HDR,
  SKB_DROP_REASON_SKB_GSO_SEG,
  SKB_DROP_REASON_UDP_CSUM,
  SKB_GSO_UDP_L4,
  type SkBuff,
  udp,
} from 'vnet'
import { isChecksumRight, type Packet, turnAround } from 'vnet/kit/drivers'
import type { SmallService, UdpHandler } from './host.ts'
import { PORT_UNREACHABLE, sendError } from './icmp.ts'
import { makeReply } from './reply.ts'
import { sendUdp } from './send.ts'
import type { HostState } from './state.ts'

/** Replies to clients without an address are broadcast (RFC 2131 sec. 4.1). */
const BROADCAST = 0xffff_ffff

/** Takes over a frame with a datagram to a host or a group. */
export function receiveUdp(state: HostState, skb: SkBuff, packet: Packet): void {
  const fault = parseUdp(state, skb, packet)
  if (fault !== 0) {
    state.segment.drop(skb, fault)
    return
  }
  const port = udp.destinationPort(skb.bytes, packet.h)
  const service = packet.host < 0 ? undefined : state.table.kind(packet.host).udp.get(port)
  if (packet.host < 0) {
    receiveGroupUdp(state, skb, packet, port)
  } else if (service === undefined) {
    sendError(state, skb, packet, PORT_UNREACHABLE)
  } else if (typeof service === 'string') {
    UDP_SERVICES[service](state, skb, packet)
  } else {
    state.done(skb, callHandler(state, skb, packet, packet.host, service))
  }
}

/** Calls every host that has a handler for the port. Sends no error without one. */
function receiveGroupUdp(state: HostState, skb: SkBuff, packet: Packet, port: number): void {
  const all = state.handlers.udp.get(port)
  if (all === undefined) {
    state.segment.take(skb)
    return
  }
  // A frame that returns while a handler runs overwrites the record.
  const datagram = { ...packet }
  let succeeded = true
  for (const { index, handler } of all) {
    succeeded = callHandler(state, skb, datagram, index, handler) && succeeded
  }
  state.done(skb, succeeded)
}

/** Returns 0 with `packet.end` after the datagram, or the SKB_DROP_REASON_* of a malformed one. */
function parseUdp({ view }: HostState, skb: SkBuff, packet: Packet): number {
  const { bytes } = skb
  const { isIpv6, h, end } = packet
  if (udp.parse(bytes, h, end - h) < 0) return SKB_DROP_REASON_L4_HDR
  if (skb.gsoSize !== 0 && skb.gsoType !== SKB_GSO_UDP_L4) return SKB_DROP_REASON_SKB_GSO_SEG
  packet.end = h + udp.length(bytes, h)
  // Over IPv4 the checksum may be left out; over IPv6 it is required (RFC 8200 sec. 8.1).
  if (!isIpv6 && skb.ipSummed === CHECKSUM_NONE && udp.checksum(bytes, h) === 0) return 0
  return isChecksumRight(skb, packet, udp.UDP_CHECK, view) ? 0 : SKB_DROP_REASON_UDP_CSUM
}

/**
 * Calls the handler once for each segment of a GSO frame. Returns false if a call throws. Segments
 * beyond the handler's limit are counted before anything is allocated: a flood makes no garbage.
 */
function callHandler(
  state: HostState,
  skb: SkBuff,
  packet: Packet,
  index: number,
  handler: UdpHandler,
): boolean {
  const { bytes, gsoSize } = skb
  const { h, end } = packet
  const limit = state.handlers.limitOf(index, udp.destinationPort(bytes, h))
  const mac = ethernet.sourceAt(skb.data)
  const payload = h + udp.UDP_HLEN
  const size = gsoSize === 0 ? end - payload : gsoSize
  let call: ((data: Uint8Array) => boolean) | undefined
  let at = payload
  let succeeded = true
  do {
    const to = Math.min(at + size, end)
    if (limit === undefined || limit(bytes, mac, at, to)) {
      call ??= handlerCall(state, skb, packet, index, handler)
      succeeded = call(bytes.subarray(at, to)) && succeeded
    } else {
      state.counters.refused++
    }
    at += size
  } while (at < end)
  return succeeded
}

/** Returns a function that passes data to the handler. It returns false if the handler throws. */
function handlerCall(
  state: HostState,
  { bytes, data }: SkBuff,
  { isIpv6, h, sourceAt, destinationAt }: Packet,
  index: number,
  handler: UdpHandler,
): (data: Uint8Array) => boolean {
  const length = isIpv6 ? ipv6.IPV6_ALEN : ipv4.IPV4_ALEN
  const address = bytes.slice(sourceAt, sourceAt + length)
  const to = bytes.slice(destinationAt, destinationAt + length)
  const mac = bytes.slice(ethernet.sourceAt(data), ethernet.sourceAt(data) + ethernet.ETH_ALEN)
  const port = udp.sourcePort(bytes, h)
  const ownPort = udp.destinationPort(bytes, h)
  const host = state.table.describe(index)
  const hasAddress = isIpv6 || address.some(byte => byte !== 0)
  const own = state.table.byIp(to, 0, isIpv6) === index ? to : undefined
  const source = { address, port, mac }
  const destination = { address: to, port: ownPort }
  // Without `...`: an object with keys after a spread leaves old garbage in Node 20.
  const reply = (answer: Uint8Array): boolean =>
    sendUdp(state, host, {
      sourcePort: ownPort,
      source: own,
      address: hasAddress ? address : BROADCAST,
      mac: hasAddress ? mac : undefined,
      port,
      data: answer,
    })
  return payload => {
    const message = { data: payload, source, destination, host }
    return state.handlers.call(index, `udp ${ownPort}`, () => handler(message, reply))
  }
}

/**
 * Takes over a frame with a datagram (RFC 862, 863, 864, 867). As in inetd(8), it replies neither
 * to a port below 1024 nor to a service port of any host: two services would reply to each other
 * endlessly.
 */
type UdpService = (state: HostState, skb: SkBuff, packet: Packet) => void

const UDP_SERVICES: Readonly<Record<SmallService, UdpService>> = { echo, discard, daytime, chargen }

/** Ports below this are reserved for services. */
const IPPORT_RESERVED = 1024
/** RFC 864: up to 512 characters, in lines of 72, each one character further on than the last. */
const CHARGEN_MAX = 512
const CHARGEN_LINE = 72
const FIRST_CHARACTER = 32
const CHARACTERS = 95
/** Bytes until the pattern repeats. */
export const CHARGEN_PERIOD = CHARACTERS * (CHARGEN_LINE + 2)

const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const MONTHS =
  'January February March April May June July August September October November December'.split(' ')

/** The UDP checksum remains right: a sum does not depend on the order of its terms. */
function echo(state: HostState, skb: SkBuff, packet: Packet): void {
  if (isServicePort(state, skb, packet)) {
    state.segment.take(skb)
  } else {
    swapPorts(skb, packet.h)
    turnAround(skb, packet)
    state.counters.udp++
    state.forward(skb)
  }
}

function discard({ segment }: HostState, skb: SkBuff): void {
  segment.take(skb)
}

function daytime(state: HostState, skb: SkBuff, packet: Packet): void {
  const text = daytimeText(state.now())
  respond(state, skb, packet, text.length, i => text.charCodeAt(i))
}

/** Sends a random number of characters, CHARGEN_MAX at most. */
function chargen(state: HostState, skb: SkBuff, packet: Packet): void {
  respond(state, skb, packet, state.env.random.below(CHARGEN_MAX + 1), chargenCharacter)
}

/** Returns byte `i` of the endless pattern, from 0 (RFC 864). */
export function chargenCharacter(i: number): number {
  const line = Math.floor(i / (CHARGEN_LINE + 2))
  const column = i % (CHARGEN_LINE + 2)
  if (column >= CHARGEN_LINE) return column === CHARGEN_LINE ? 0x0d : 0x0a
  return FIRST_CHARACTER + ((line + column) % CHARACTERS)
}

/** As `Friday, November 20, 2026 17:37:43-UTC` (RFC 867). `now` is milliseconds since 1970. */
export function daytimeText(now: number): string {
  const date = new Date(now)
  const day = `${DAYS[date.getUTCDay()]}, ${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}, ${date.getUTCFullYear()}`
  return `${day} ${date.toISOString().slice(11, 19)}-UTC\r\n`
}

function isServicePort({ table }: HostState, { bytes }: SkBuff, { h }: Packet): boolean {
  const port = udp.sourcePort(bytes, h)
  return port < IPPORT_RESERVED || table.udpPorts.has(port)
}

function swapPorts({ bytes }: SkBuff, h: number): void {
  const port = udp.sourcePort(bytes, h)
  udp.setSourcePort(bytes, h, udp.destinationPort(bytes, h))
  udp.setDestinationPort(bytes, h, port)
}

/** Replies with the `length` bytes that `byteAt` returns, if it may and the slot has room. */
function respond(
  state: HostState,
  skb: SkBuff,
  packet: Packet,
  length: number,
  byteAt: (i: number) => number,
): void {
  const { bytes } = skb
  const { h } = packet
  const at = h + udp.UDP_HLEN
  if (isServicePort(state, skb, packet) || at + length > skb.end) {
    state.segment.take(skb)
    return
  }
  for (let i = 0; i < length; i++) {
    bytes[at + i] = byteAt(i)
  }
  swapPorts(skb, h)
  udp.setLength(bytes, h, udp.UDP_HLEN + length)
  makeReply(skb, packet, udp.UDP_HLEN + length, udp.UDP_CHECK)
  state.counters.udp++
  state.forward(skb)
}
