/**
 * print: a frame as one line of text in tcpdump's manner, for debug logs. It reads within the frame only and never throws,
 * whatever the octets are; what is cut short says so (`[|tcp]`).
 */
import * as arp from './arp.ts'
import * as ethernet from './ethernet.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'
import { get16 } from './octets.ts'
import { printIcmp, printIcmpv6 } from './print-icmp.ts'
import { printTcp } from './print-tcp.ts'
import * as udp from './udp.ts'
import { isVlan, pcp, VLAN_HLEN, vid } from './vlan.ts'

/** One line for the Ethernet frame of `length` octets at `at`. */
export function print(bytes: Uint8Array, at: number, length: number): string {
  const end = Math.min(bytes.length, at + length)
  if (end - at < ethernet.ETH_HLEN) return `[|ether], length ${length}`
  let offset = ethernet.ETH_HLEN
  let type = ethernet.etherType(bytes, at)
  let tags = ''
  while (isVlan(type)) {
    if (at + offset + VLAN_HLEN > end) return `${tags}[|vlan]`
    const tag = at + offset - 2
    tags += `${type === ethernet.ETH_P_8021AD ? 's-vlan' : 'vlan'} ${vid(bytes, tag)}, p ${pcp(bytes, tag)}, `
    offset += VLAN_HLEN
    type = get16(bytes, at + offset - 2)
  }
  return tags + printNetwork(bytes, at, at + offset, end, type)
}

function printNetwork(bytes: Uint8Array, mac: number, nh: number, end: number, type: number): string {
  if (type === ethernet.ETH_P_IP) return printIpv4(bytes, nh, end)
  if (type === ethernet.ETH_P_IPV6) return printIpv6(bytes, nh, end)
  if (type === ethernet.ETH_P_ARP) return printArp(bytes, nh, end)
  const source = ethernet.formatAddress(bytes, ethernet.source(mac))
  const destination = ethernet.formatAddress(bytes, ethernet.destination(mac))
  const kind = type < ethernet.ETH_P_802_3_MIN ? '802.3' : `ethertype 0x${type.toString(16).padStart(4, '0')}`
  return `${source} > ${destination}, ${kind}, length ${end - nh}`
}

function printArp(bytes: Uint8Array, at: number, end: number): string {
  if (arp.parse(bytes, at, end - at) < 0) return `ARP [|arp], length ${end - at}`
  const sender = ipv4.formatAddress(arp.spa(bytes, at))
  const target = ipv4.formatAddress(arp.tpa(bytes, at))
  const op = arp.op(bytes, at)
  if (op === arp.ARPOP_REQUEST) return `ARP, Request who-has ${target} tell ${sender}, length ${end - at}`
  if (op === arp.ARPOP_REPLY) {
    return `ARP, Reply ${sender} is-at ${ethernet.formatAddress(bytes, arp.sha(at))}, length ${end - at}`
  }
  return `ARP, op ${op} ${sender} > ${target}, length ${end - at}`
}

function printIpv4(bytes: Uint8Array, at: number, frameEnd: number): string {
  const header = ipv4.parse(bytes, at, frameEnd - at)
  if (header < 0) return `IP [|ip], length ${frameEnd - at}`
  const end = at + ipv4.totalLength(bytes, at)
  const source = ipv4.formatAddress(ipv4.source(bytes, at))
  const destination = ipv4.formatAddress(ipv4.destination(bytes, at))
  const protocol = ipv4.protocol(bytes, at)
  const offset = ipv4.fragmentOffset(bytes, at)
  let fragment = ''
  if (ipv4.isFragment(bytes, at)) {
    const more = (ipv4.flags(bytes, at) & ipv4.IP_MF) !== 0
    fragment = fragmentText(ipv4.identification(bytes, at), offset, end - at - header, more)
  }
  if (offset !== 0) return `IP ${source} > ${destination}: ip-proto-${protocol}${fragment}`
  const payload = at + header
  if (protocol === ipv4.IPPROTO_ICMP)
    return `IP ${source} > ${destination}: ${printIcmp(bytes, payload, end)}${fragment}`
  return `IP ${printTransport(bytes, payload, end, protocol, source, destination)}${fragment}`
}

function printIpv6(bytes: Uint8Array, at: number, frameEnd: number): string {
  if (ipv6.parse(bytes, at, frameEnd - at) < 0) return `IP6 [|ip6], length ${frameEnd - at}`
  const length = ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, at)
  const end = at + length
  const source = ipv6.formatAddress(bytes, ipv6.source(at))
  const destination = ipv6.formatAddress(bytes, ipv6.destination(at))
  const upper = ipv6.upperLayer(bytes, at, length)
  if (upper < 0) return `IP6 ${source} > ${destination}: [|ext], length ${length - ipv6.IPV6_HLEN}`
  const protocol = upper & 0xff
  if (upper >>> 8 === 0)
    return `IP6 ${source} > ${destination}: frag next ${protocol}, length ${length - ipv6.IPV6_HLEN}`
  const payload = at + (upper >>> 8)
  if (protocol === ipv6.NEXTHDR_ICMP) return `IP6 ${source} > ${destination}: ${printIcmpv6(bytes, payload, end)}`
  return `IP6 ${printTransport(bytes, payload, end, protocol, source, destination)}`
}

function printTransport(
  bytes: Uint8Array,
  at: number,
  end: number,
  protocol: number,
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

function fragmentText(id: number, offset: number, size: number, more: boolean): string {
  return ` (frag id ${id}, offset ${offset}, size ${size}${more ? ', more' : ''})`
}
