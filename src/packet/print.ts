/**
 * Frames as one line of text, as tcpdump prints them, for debug logs. Nothing is read outside the
 * frame, and nothing throws on any input. A truncated header is shown as such (`[|tcp]`).
 */
import { formatAddress, formatIpv4, formatMac } from './address.ts'
import * as arp from './arp.ts'
import * as ethernet from './ethernet.ts'
import * as icmp from './icmp.ts'
import * as icmpv6 from './icmpv6.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'
import { type Layer, layersOf } from './layers.ts'
import {
  ICMP_UNREACHABLE_NAMES,
  ICMPV6_UNREACHABLE_NAMES,
  TCPDUMP_DISCOVERY_NAMES,
} from './names.ts'
import { get16, get32 } from './octets.ts'
import * as tcp from './tcp.ts'
import * as udp from './udp.ts'
import { pcp, VLAN_HLEN, vid } from './vlan.ts'

/** The TCP flags, from the lowest bit on. */
const LETTERS = 'FSRP.UEW'

/** Returns one line for the Ethernet frame of `length` bytes at `at`. */
export function print(bytes: Uint8Array, at: number, length: number): string {
  const end = Math.min(bytes.length, at + length)
  if (end - at < ethernet.ETH_HLEN) return `[|ether], length ${length}`
  let tags = ''
  const layers = layersOf(bytes, at, end)
  for (const layer of layers) {
    if (layer.kind === 'ethernet') continue
    if (layer.kind !== 'vlan') return tags + printNetwork(bytes, at, layer, layers.at(-1) as Layer)
    if (layer.at + VLAN_HLEN > end) return `${tags}[|vlan]`
    tags += printTag(bytes, layer)
  }
  return tags
}

function printTag(bytes: Uint8Array, { at, protocol }: Layer): string {
  const tag = at - 2
  return `${protocol === ethernet.ETH_P_8021AD ? 's-vlan' : 'vlan'} ${vid(bytes, tag)}, p ${pcp(bytes, tag)}, `
}

/** `last` is the last layer of the frame: the header after IP, if any. */
function printNetwork(bytes: Uint8Array, mac: number, network: Layer, last: Layer): string {
  const { kind, at: nh, end, protocol: type } = network
  if (kind === 'ipv4') return printIpv4(bytes, nh, end, last)
  if (kind === 'ipv6') return printIpv6(bytes, nh, end, last)
  if (kind === 'arp') return printArp(bytes, nh, end)
  const source = formatMac(bytes, ethernet.sourceAt(mac))
  const destination = formatMac(bytes, ethernet.destinationAt(mac))
  const name =
    type < ethernet.ETH_P_802_3_MIN ? '802.3' : `ethertype 0x${type.toString(16).padStart(4, '0')}`
  return `${source} > ${destination}, ${name}, length ${end - nh}`
}

function printArp(bytes: Uint8Array, at: number, end: number): string {
  if (arp.parse(bytes, at, end - at) < 0) return `ARP [|arp], length ${end - at}`
  const sender = formatIpv4(arp.spa(bytes, at))
  const target = formatIpv4(arp.tpa(bytes, at))
  const op = arp.op(bytes, at)
  if (op === arp.ARPOP_REQUEST) {
    return `ARP, Request who-has ${target} tell ${sender}, length ${end - at}`
  }
  if (op === arp.ARPOP_REPLY) {
    return `ARP, Reply ${sender} is-at ${formatMac(bytes, arp.shaAt(at))}, length ${end - at}`
  }
  return `ARP, op ${op} ${sender} > ${target}, length ${end - at}`
}

function printIpv4(bytes: Uint8Array, at: number, frameEnd: number, upper: Layer): string {
  const header = ipv4.parse(bytes, at, frameEnd - at)
  if (header < 0) return `IP [|ip], length ${frameEnd - at}`
  const end = at + ipv4.totalLength(bytes, at)
  const source = formatIpv4(ipv4.source(bytes, at))
  const destination = formatIpv4(ipv4.destination(bytes, at))
  const protocol = ipv4.protocol(bytes, at)
  const offset = ipv4.fragmentOffset(bytes, at)
  let fragment = ''
  if (ipv4.isFragment(bytes, at)) {
    const more = (ipv4.flags(bytes, at) & ipv4.IP_MF) !== 0
    const size = end - at - header
    fragment = ` (frag id ${ipv4.identification(bytes, at)}, offset ${offset}, size ${size}${more ? ', more' : ''})`
  }
  if (offset !== 0) return `IP ${source} > ${destination}: ip-proto-${protocol}${fragment}`
  if (protocol === ipv4.IPPROTO_ICMP) {
    return `IP ${source} > ${destination}: ${printIcmp(bytes, upper.at, end)}${fragment}`
  }
  return `IP ${printTransport(bytes, upper, source, destination)}${fragment}`
}

function printIpv6(bytes: Uint8Array, at: number, frameEnd: number, last: Layer): string {
  if (ipv6.parse(bytes, at, frameEnd - at) < 0) return `IP6 [|ip6], length ${frameEnd - at}`
  const source = ipv6Text(bytes, ipv6.sourceAt(at))
  const destination = ipv6Text(bytes, ipv6.destinationAt(at))
  const length = ipv6.payloadLength(bytes, at)
  const { kind, protocol } = last
  if (kind === 'extension') return `IP6 ${source} > ${destination}: [|ext], length ${length}`
  if (kind === 'fragment') {
    return `IP6 ${source} > ${destination}: frag next ${protocol}, length ${length}`
  }
  if (protocol === ipv6.NEXTHDR_ICMP) {
    return `IP6 ${source} > ${destination}: ${printIcmpv6(bytes, last.at, last.end)}`
  }
  return `IP6 ${printTransport(bytes, last, source, destination)}`
}

function printTransport(
  bytes: Uint8Array,
  { at, end, protocol }: Layer,
  source: string,
  destination: string,
): string {
  const length = end - at
  if (protocol === ipv4.IPPROTO_UDP) {
    if (length < udp.UDP_HLEN) return `${source} > ${destination}: [|udp], length ${length}`
    const from = `${source}.${udp.sourcePort(bytes, at)}`
    const size = udp.length(bytes, at) - udp.UDP_HLEN
    const what = size < 0 ? `bad length ${size + udp.UDP_HLEN}` : `length ${size}`
    return `${from} > ${destination}.${udp.destinationPort(bytes, at)}: UDP, ${what}`
  }
  if (protocol === ipv4.IPPROTO_TCP) return printTcp(bytes, at, end, source, destination)
  return `${source} > ${destination}: ip-proto-${protocol}, length ${length}`
}

function printTcp(
  bytes: Uint8Array,
  at: number,
  end: number,
  source: string,
  destination: string,
): string {
  const header = tcp.parse(bytes, at, end - at)
  if (header < 0) return `${source} > ${destination}: [|tcp], length ${end - at}`
  const length = end - at - header
  const flags = tcp.flags(bytes, at)
  const sequence = tcp.sequenceNumber(bytes, at)
  const ports = `${source}.${tcp.sourcePort(bytes, at)} > ${destination}.${tcp.destinationPort(bytes, at)}`
  let text = `${ports}: Flags [${flagText(flags)}]`
  if (length > 0) {
    text += `, seq ${sequence}:${(sequence + length) >>> 0}`
  } else if ((flags & (tcp.TCP_SYN | tcp.TCP_FIN | tcp.TCP_RST)) !== 0) {
    text += `, seq ${sequence}`
  }
  if ((flags & tcp.TCP_ACK) !== 0) {
    text += `, ack ${tcp.acknowledgmentNumber(bytes, at)}`
  }
  text += `, win ${tcp.window(bytes, at)}`
  if ((flags & tcp.TCP_URG) !== 0) {
    text += `, urg ${tcp.urgentPointer(bytes, at)}`
  }
  if (header > tcp.TCP_HLEN) {
    text += `, options [${optionText(bytes, at + tcp.TCP_HLEN, at + header)}]`
  }
  return `${text}, length ${length}`
}

/** Returns TCP flags as letters, `S.`; `none` without one. */
export function flagText(flags: number): string {
  let text = ''
  for (let i = 0; i < 8; i++) {
    if ((flags & (1 << i)) !== 0) {
      text += LETTERS[i]
    }
  }
  return text === '' ? 'none' : text
}

/** Returns the options of TCP in `bytes`, as `mss 1460,sackOK`. */
export function optionText(bytes: Uint8Array, from: number, end: number): string {
  const options: string[] = []
  for (let at = from; at < end; ) {
    const kind = bytes[at]
    if (kind === 0) {
      options.push('eol')
      break
    }
    if (kind === 1) {
      options.push('nop')
      at++
      continue
    }
    const size = at + 1 < end ? bytes[at + 1] : 0
    if (size < 2 || at + size > end) {
      options.push('[|tcp]')
      break
    }
    options.push(option(bytes, at, kind, size))
    at += size
  }
  return options.join(',')
}

function option(bytes: Uint8Array, at: number, kind: number, size: number): string {
  if (kind === 2 && size === 4) return `mss ${get16(bytes, at + 2)}`
  if (kind === 3 && size === 3) return `wscale ${bytes[at + 2]}`
  if (kind === 4 && size === 2) return 'sackOK'
  if (kind === 5) return `sack ${(size - 2) >>> 3}`
  if (kind === 8 && size === 10) return `TS val ${get32(bytes, at + 2)} ecr ${get32(bytes, at + 6)}`
  return `unknown-${kind}`
}

export function ipv6Text(bytes: Uint8Array, at: number): string {
  return formatAddress(bytes.subarray(at, at + ipv6.IPV6_ALEN))
}

export function printIcmp(bytes: Uint8Array, at: number, end: number): string {
  const length = end - at
  if (icmp.parse(bytes, at, length) < 0) return `ICMP [|icmp], length ${length}`
  const type = icmp.type(bytes, at)
  if (type === icmp.ICMP_ECHO || type === icmp.ICMP_ECHOREPLY) {
    return `ICMP ${echo(bytes, at, length, type === icmp.ICMP_ECHO)}`
  }
  const about = icmp.isError(type) ? quote4(bytes, at + icmp.ICMP_HLEN, end) : ''
  return `ICMP ${icmpErrorText(bytes, at, type)}${about}, length ${length}`
}

/** Returns what an ICMP error reports. */
export function icmpErrorText(bytes: Uint8Array, at: number, type: number): string {
  const code = icmp.code(bytes, at)
  if (type === icmp.ICMP_DEST_UNREACH) {
    const mtu = code === 4 ? ` (mtu ${icmp.nextHopMtu(bytes, at)})` : ''
    return `unreachable - ${ICMP_UNREACHABLE_NAMES[code] ?? `code ${code}`}${mtu}`
  }
  if (type === icmp.ICMP_SOURCE_QUENCH) return 'source quench'
  if (type === icmp.ICMP_REDIRECT) return `redirect to ${formatIpv4(icmp.gateway(bytes, at))}`
  if (type === icmp.ICMP_TIME_EXCEEDED) {
    return code === 0 ? 'time exceeded in-transit' : 'reassembly time exceeded'
  }
  if (type === icmp.ICMP_PARAMETERPROB) return `parameter problem at octet ${bytes[at + 4]}`
  return `type ${type}, code ${code}`
}

function echo(bytes: Uint8Array, at: number, length: number, isRequest: boolean): string {
  const [id, seq] = [icmp.identifier(bytes, at), icmp.sequenceNumber(bytes, at)]
  return `echo ${isRequest ? 'request' : 'reply'}, id ${id}, seq ${seq}, length ${length}`
}

function quote4(bytes: Uint8Array, at: number, end: number): string {
  if (end - at < ipv4.IPV4_HLEN || ipv4.version(bytes, at) !== 4) return ''
  const source = formatIpv4(ipv4.source(bytes, at))
  return `, about ${source} > ${formatIpv4(ipv4.destination(bytes, at))}`
}

export function printIcmpv6(bytes: Uint8Array, at: number, end: number): string {
  const length = end - at
  if (icmpv6.parse(bytes, at, length) < 0) return `ICMP6 [|icmp6], length ${length}`
  const type = icmpv6.type(bytes, at)
  if (type === icmpv6.ICMPV6_ECHO_REQUEST || type === icmpv6.ICMPV6_ECHO_REPLY) {
    return `ICMP6, ${echo(bytes, at, length, type === icmpv6.ICMPV6_ECHO_REQUEST)}`
  }
  if (icmpv6.isNeighbourDiscovery(type)) {
    const solicited =
      type === icmpv6.NDISC_NEIGHBOUR_SOLICITATION || type === icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT
    const target =
      solicited && length >= 24 ? `, target ${ipv6Text(bytes, icmpv6.targetAt(at))}` : ''
    return `ICMP6, ${TCPDUMP_DISCOVERY_NAMES[type - icmpv6.NDISC_ROUTER_SOLICITATION]}${target}, length ${length}`
  }
  const about = icmpv6.isError(type) ? quote6(bytes, at + icmpv6.ICMPV6_HLEN, end) : ''
  return `ICMP6, ${icmpv6ErrorText(bytes, at, type)}${about}, length ${length}`
}

/** Returns what an ICMPv6 error reports. */
export function icmpv6ErrorText(bytes: Uint8Array, at: number, type: number): string {
  const code = icmpv6.code(bytes, at)
  if (type === icmpv6.ICMPV6_DEST_UNREACH) {
    return `unreachable - ${ICMPV6_UNREACHABLE_NAMES[code] ?? `code ${code}`}`
  }
  if (type === icmpv6.ICMPV6_PKT_TOOBIG) return `packet too big, mtu ${icmpv6.mtu(bytes, at)}`
  if (type === icmpv6.ICMPV6_TIME_EXCEED) {
    return code === 0 ? 'time exceeded in-transit' : 'reassembly time exceeded'
  }
  if (type === icmpv6.ICMPV6_PARAMPROB) return `parameter problem at octet ${icmpv6.mtu(bytes, at)}`
  return `type ${type}, code ${code}`
}

function quote6(bytes: Uint8Array, at: number, end: number): string {
  if (end - at < ipv6.IPV6_HLEN || ipv6.version(bytes, at) !== 6) return ''
  const source = ipv6Text(bytes, ipv6.sourceAt(at))
  return `, about ${source} > ${ipv6Text(bytes, ipv6.destinationAt(at))}`
}
