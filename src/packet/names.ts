/** Words for numbers in headers, as the explanations of frames and tcpdump's lines have them. */
import { ARPOP_REPLY, ARPOP_REQUEST } from './arp.ts'
import * as ethernet from './ethernet.ts'
import * as icmp from './icmp.ts'
import * as icmpv6 from './icmpv6.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'

type Names = Readonly<Record<number, string>>

export const ETHER_TYPE_NAMES: Names = {
  [ethernet.ETH_P_IP]: 'IPv4',
  [ethernet.ETH_P_ARP]: 'ARP',
  [ethernet.ETH_P_8021Q]: 'VLAN',
  [ethernet.ETH_P_IPV6]: 'IPv6',
  [ethernet.ETH_P_PAUSE]: 'pause',
  [ethernet.ETH_P_8021AD]: 'service VLAN',
}

/** Protocols of IPv4, and next headers of IPv6. */
export const PROTOCOL_NAMES: Names = {
  [ipv6.NEXTHDR_HOP]: 'hop-by-hop options',
  [ipv4.IPPROTO_ICMP]: 'ICMP',
  [ipv4.IPPROTO_TCP]: 'TCP',
  [ipv4.IPPROTO_UDP]: 'UDP',
  [ipv4.IPPROTO_DCCP]: 'DCCP',
  [ipv6.NEXTHDR_ROUTING]: 'routing',
  [ipv6.NEXTHDR_FRAGMENT]: 'fragment',
  [ipv4.IPPROTO_ESP]: 'ESP',
  [ipv4.IPPROTO_AH]: 'AH',
  [ipv6.NEXTHDR_ICMP]: 'ICMPv6',
  [ipv6.NEXTHDR_NONE]: 'none',
  [ipv6.NEXTHDR_DEST]: 'destination options',
  [ipv4.IPPROTO_UDPLITE]: 'UDP-Lite',
}

export const ARP_OPERATION_NAMES: Names = {
  [ARPOP_REQUEST]: 'request',
  [ARPOP_REPLY]: 'reply',
}

export const ICMP_TYPE_NAMES: Names = {
  [icmp.ICMP_ECHOREPLY]: 'echo reply',
  [icmp.ICMP_DEST_UNREACH]: 'destination unreachable',
  [icmp.ICMP_SOURCE_QUENCH]: 'source quench',
  [icmp.ICMP_REDIRECT]: 'redirect',
  [icmp.ICMP_ECHO]: 'echo request',
  [icmp.ICMP_TIME_EXCEEDED]: 'time exceeded',
  [icmp.ICMP_PARAMETERPROB]: 'parameter problem',
}

/** The codes of "destination unreachable", from 0 (RFC 792, RFC 1122 sec. 3.2.2.1, RFC 1812). */
export const ICMP_UNREACHABLE_NAMES = [
  'net',
  'host',
  'protocol',
  'port',
  'need to frag',
  'source route failed',
  'net unknown',
  'host unknown',
  'source host isolated',
  'net prohibited',
  'host prohibited',
  'net for TOS',
  'host for TOS',
  'admin prohibited filter',
  'precedence violation',
  'precedence cutoff',
] as const

export const ICMPV6_TYPE_NAMES: Names = {
  [icmpv6.ICMPV6_DEST_UNREACH]: 'destination unreachable',
  [icmpv6.ICMPV6_PKT_TOOBIG]: 'packet too big',
  [icmpv6.ICMPV6_TIME_EXCEED]: 'time exceeded',
  [icmpv6.ICMPV6_PARAMPROB]: 'parameter problem',
  [icmpv6.ICMPV6_ECHO_REQUEST]: 'echo request',
  [icmpv6.ICMPV6_ECHO_REPLY]: 'echo reply',
  [icmpv6.NDISC_ROUTER_SOLICITATION]: 'router solicitation',
  [icmpv6.NDISC_ROUTER_ADVERTISEMENT]: 'router advertisement',
  [icmpv6.NDISC_NEIGHBOUR_SOLICITATION]: 'neighbour solicitation',
  [icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT]: 'neighbour advertisement',
  [icmpv6.NDISC_REDIRECT]: 'redirect',
}

/** The codes of "destination unreachable" of ICMPv6, from 0 (RFC 4443 sec. 3.1). */
export const ICMPV6_UNREACHABLE_NAMES = [
  'no route',
  'prohibited',
  'beyond scope',
  'address',
  'port',
  'policy',
  'reject route',
] as const

/** As tcpdump spells them, from NDISC_ROUTER_SOLICITATION. */
export const TCPDUMP_DISCOVERY_NAMES = [
  'router solicitation',
  'router advertisement',
  'neighbor solicitation',
  'neighbor advertisement',
  'redirect',
] as const
