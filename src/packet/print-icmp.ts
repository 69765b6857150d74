/** ICMP and ICMPv6 messages as tcpdump prints them. Reads nothing from `end` on; never throws. */
import { formatAddress, formatIpv4 } from './address.ts'
import * as icmp from './icmp.ts'
import * as icmpv6 from './icmpv6.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'

const UNREACHABLE = ['net', 'host', 'protocol', 'port', 'need to frag', 'source route failed']
const UNREACHABLE6 = ['no route', 'prohibited', 'beyond scope', 'address', 'port', 'policy', 'reject route']
const NEIGHBOUR = [
  'router solicitation',
  'router advertisement',
  'neighbor solicitation',
  'neighbor advertisement',
  'redirect',
]

/** The IPv6 address at `at` as text. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  return formatAddress(bytes.subarray(at, at + ipv6.IPV6_ALEN))
}

/** The ICMP message at `at`. */
export function printIcmp(bytes: Uint8Array, at: number, end: number): string {
  const length = end - at
  if (icmp.parse(bytes, at, length) < 0) return `ICMP [|icmp], length ${length}`
  const type = icmp.type(bytes, at)
  if (type === icmp.ICMP_ECHO || type === icmp.ICMP_ECHOREPLY) {
    return `ICMP ${echo(bytes, at, length, type === icmp.ICMP_ECHO)}`
  }
  const about = icmp.isError(type) ? quote4(bytes, at + icmp.ICMP_HLEN, end) : ''
  return `ICMP ${error(bytes, at, type)}${about}, length ${length}`
}

function error(bytes: Uint8Array, at: number, type: number): string {
  const code = icmp.code(bytes, at)
  if (type === icmp.ICMP_DEST_UNREACH) {
    const mtu = code === 4 ? ` (mtu ${icmp.nextHopMtu(bytes, at)})` : ''
    return `unreachable - ${UNREACHABLE[code] ?? `code ${code}`}${mtu}`
  }
  if (type === icmp.ICMP_SOURCE_QUENCH) return 'source quench'
  if (type === icmp.ICMP_REDIRECT) return `redirect to ${formatIpv4(icmp.gateway(bytes, at))}`
  if (type === icmp.ICMP_TIME_EXCEEDED) return code === 0 ? 'time exceeded in-transit' : 'reassembly time exceeded'
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

/** The ICMPv6 message at `at`. */
export function printIcmpv6(bytes: Uint8Array, at: number, end: number): string {
  const length = end - at
  if (icmpv6.parse(bytes, at, length) < 0) return `ICMP6 [|icmp6], length ${length}`
  const type = icmpv6.type(bytes, at)
  if (type === icmpv6.ICMPV6_ECHO_REQUEST || type === icmpv6.ICMPV6_ECHO_REPLY) {
    return `ICMP6, ${echo(bytes, at, length, type === icmpv6.ICMPV6_ECHO_REQUEST)}`
  }
  if (icmpv6.isNeighbourDiscovery(type)) {
    const solicited = type === icmpv6.NDISC_NEIGHBOUR_SOLICITATION || type === icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT
    const target = solicited && length >= 24 ? `, target ${ipv6Text(bytes, icmpv6.targetAt(at))}` : ''
    return `ICMP6, ${NEIGHBOUR[type - icmpv6.NDISC_ROUTER_SOLICITATION]}${target}, length ${length}`
  }
  const about = icmpv6.isError(type) ? quote6(bytes, at + icmpv6.ICMPV6_HLEN, end) : ''
  return `ICMP6, ${error6(bytes, at, type)}${about}, length ${length}`
}

function error6(bytes: Uint8Array, at: number, type: number): string {
  const code = icmpv6.code(bytes, at)
  if (type === icmpv6.ICMPV6_DEST_UNREACH) return `unreachable - ${UNREACHABLE6[code] ?? `code ${code}`}`
  if (type === icmpv6.ICMPV6_PKT_TOOBIG) return `packet too big, mtu ${icmpv6.mtu(bytes, at)}`
  if (type === icmpv6.ICMPV6_TIME_EXCEED) return code === 0 ? 'time exceeded in-transit' : 'reassembly time exceeded'
  if (type === icmpv6.ICMPV6_PARAMPROB) return `parameter problem at octet ${icmpv6.mtu(bytes, at)}`
  return `type ${type}, code ${code}`
}

function quote6(bytes: Uint8Array, at: number, end: number): string {
  if (end - at < ipv6.IPV6_HLEN || ipv6.version(bytes, at) !== 6) return ''
  const source = ipv6Text(bytes, ipv6.sourceAt(at))
  return `, about ${source} > ${ipv6Text(bytes, ipv6.destinationAt(at))}`
}
