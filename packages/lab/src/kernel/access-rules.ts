/**
 * The kernel's settings of a router for access networks: firewalls, the kernel's NAT, the routes of
 * hairpinning, and the ways out to the machine's network.
 */

import { IFF_UP, icmp, icmpv6, ipv4, ipv6, NSEC_PER_SEC, type Prefix, parseAddress } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import { closing, closingOnError } from 'vnet/kit/linux'
import { openTun } from 'vnet/kit/machine'
import {
  addRule,
  getLink,
  getRoutes,
  hasSysctl,
  type Route,
  RouteSocket,
  RT_TABLE_LOCAL,
  readSysctl,
  setLink,
  setNetworkRoute,
  uapi,
  WayOut,
  writeSysctl,
} from 'vnet/kit/net'
import { dns, get32, long, prefixesIntersect, toPrefix } from 'vnet/kit/packet'
import type { AccessOptions, FirewallRule, SocketPlace } from '../model/index.ts'
import { FOR_ROUTER, firewallRules, HTTP_PORT } from '../model/index.ts'
import { FIRST_PORT, LAST_PORT, type NatForward, PORT_CONTROL_PORT } from '../nat/nat-table.ts'
import type { Outside } from '../world/host-stack.ts'
import * as nft from './nftables.ts'
import { transparentListener } from './sockets.ts'

const NEEDS_NAT = 'masquerade (the kernel needs nf_tables and nft_masq)'
const NEEDS_TPROXY =
  'internet (the kernel needs nf_tables, nft_masq, nft_tproxy, nft_ct and nft_fib)'
const NEEDS_CT = 'firewall (the kernel needs nf_tables and nft_ct)'
const NFPROTO = { 4: nft.NFPROTO_IPV4, 6: nft.NFPROTO_IPV6 }
/** Destination unreachable, and packet too big. */
const TOO_BIG = [
  [nft.protocol(ipv4.IPPROTO_ICMP), nft.icmpType(icmp.ICMP_DEST_UNREACH)],
  [nft.protocol(ipv6.NEXTHDR_ICMP), nft.icmpType(icmpv6.ICMPV6_PKT_TOOBIG)],
]
const LOOPBACK = '127.0.0.1'
const HAIRPIN_TABLE = 100

// The interface, the tables of routes, and the marks of packets that leadOut uses.
const GATE = 'gate'
const GATE_TABLE = 101
const OWN_TABLE = 102
const TO_GATE = 1
const TO_SOCKET = 2

/**
 * Makes the TUN to which leadOut leads the SYNs of connections. Returns its descriptor, which the
 * caller closes. Throws a VnetError.
 */
function openGate(place: SocketPlace): number {
  const { native, nsfd } = place
  const kind = {
    layer: 'tun',
    queues: 1,
    multiQueue: false,
    features: 0,
    rights: undefined,
  } as const
  const tun = openTun(native, { ...kind, name: GATE, carrier: true, exclusive: true, nsfd })
  return closingOnError(native, tun.fds, () => {
    using sock = RouteSocket.open(native, nsfd)
    const { ifindex: gate = 0 } = getLink(sock, { name: GATE }) ?? {}
    const { ifindex: lo = 0 } = getLink(sock, { name: 'lo' }) ?? {}
    setLink(sock, gate, { flags: { set: IFF_UP, mask: IFF_UP } })
    // The kernel would take a SYN from the port of an earlier connection for a packet of that
    // connection, and would not forward it.
    writeSysctl(native, nsfd, 'net/ipv4/tcp_early_demux', '0')
    // Answers come from addresses with another route.
    for (const each of ['all', GATE]) {
      writeSysctl(native, nsfd, `net/ipv4/conf/${each}/rp_filter`, '0')
    }
    for (const [af, length] of [
      [uapi.AF_INET, ipv4.IPV4_ALEN],
      [uapi.AF_INET6, ipv6.IPV6_ALEN],
    ] as const) {
      const setting = `net/ipv6/conf/${GATE}/disable_ipv6`
      if (
        af === uapi.AF_INET6 &&
        !(hasSysctl(native, nsfd, setting) && readSysctl(native, nsfd, setting) === '0')
      ) {
        continue
      }
      const dst = { bytes: new Uint8Array(length), prefixLen: 0 }
      setNetworkRoute(sock, { dst, oif: gate, table: GATE_TABLE })
      addRule(sock, { family: af, fwmark: TO_GATE, table: GATE_TABLE })
      setNetworkRoute(sock, { dst, oif: lo, table: OWN_TABLE, isLocal: true })
      addRule(sock, { family: af, fwmark: TO_SOCKET, table: OWN_TABLE })
    }
    return tun.fds[0] as number
  })
}

/**
 * Leads packets to the outer interface, with the router's address. For TCP, only SYNs go there, by
 * way of the gate: the connections themselves belong to the transparent listener on a port. pasta
 * takes a fragment for a whole packet, so fragments are dropped, and counted as leaving. Throws a
 * VnetError.
 */
function leadOut(place: SocketPlace, name: string, port: number): void {
  const isTcpOut = [nft.notIif(name), nft.protocol(ipv4.IPPROTO_TCP), nft.routedTo(name)]
  const toSocket = [nft.tproxy(port), nft.mark(TO_SOCKET)]
  // All replies of the machine's DNS server have the address inside in pasta.
  const queries = WayOut.forwardedServers().map(({ own, inside }) => {
    const [from, to] = [own, inside].map(text => parseAddress(text) as Uint8Array) as [
      Uint8Array,
      Uint8Array,
    ]
    return [
      nft.daddr(from),
      nft.protocol(ipv4.IPPROTO_UDP),
      nft.dport(dns.DNS_PORT),
      nft.dnat(to, dns.DNS_PORT),
    ]
  })
  const cut = [nft.FRAGMENT4, nft.FRAGMENT6].map(isCut => [
    isCut,
    nft.notProtocol(ipv4.IPPROTO_TCP),
    nft.routedTo(name),
    nft.DROP,
  ])
  nft.addRules(place, NEEDS_TPROXY, nft.NFPROTO_INET, [
    { ...nft.FRAGMENTS, rules: cut },
    // TCP is not translated, so the kernel need not track it.
    ...nft.RAW.map(chain => ({ ...chain, rules: [[nft.protocol(ipv4.IPPROTO_TCP), nft.NOTRACK]] })),
    {
      ...nft.MANGLE,
      rules: [
        [nft.notIif(GATE), ...isTcpOut, nft.SYN, nft.mark(TO_GATE)],
        [nft.iif(GATE), ...isTcpOut, nft.SYN, ...toSocket],
        [...isTcpOut, nft.NOT_SYN, ...toSocket],
        // The sockets learn the path MTU.
        ...TOO_BIG.map(isTooBig => [
          nft.notIif(name),
          ...isTooBig,
          nft.routedTo(name),
          nft.mark(TO_SOCKET),
        ]),
      ],
    },
    { ...nft.PREROUTING, rules: queries },
    { ...nft.POSTROUTING, rules: [[nft.oif(name), nft.MASQUERADE]] },
  ])
}

/** Same as StackWayOut.open. */
export async function openWayOut(
  place: SocketPlace,
  directory: string,
  ports: readonly number[],
  localhost: readonly number[],
): Promise<WayOut> {
  const { native } = place
  return closing(native, openGate(place), async gate => {
    const { fd, port } = transparentListener(place)
    return closing(native, fd, listener => {
      leadOut(place, WayOut.INTERFACE, port)
      return WayOut.open(place, directory, ports, { gate, listener, localhost })
    })
  })
}

/** Leads these ports of a host's 127.0.0.1 to the machine's. Throws a VnetError. */
export function leadLocalhost(place: SocketPlace, ports: readonly number[]): void {
  // The kernel routes no packet from 127.0.0.1 to another machine otherwise.
  writeSysctl(place.native, place.nsfd, 'net/ipv4/conf/all/route_localnet', '1')
  const [own, machine] = [LOOPBACK, WayOut.MACHINE].map(text =>
    get32(parseAddress(text) as Uint8Array, 0),
  ) as [number, number]
  const lead = (port: number) => [
    nft.daddr4(own),
    nft.protocol(ipv4.IPPROTO_TCP),
    nft.dport(port),
    nft.dnat4(machine, port),
  ]
  nft.addRules(place, NEEDS_NAT, nft.NFPROTO_IPV4, [
    { ...nft.OUTPUT, rules: ports.map(lead) },
    { ...nft.POSTROUTING, rules: [[nft.daddr4(machine), nft.MASQUERADE]] },
  ])
}

/** Masquerades IPv4 packets that leave the router by an interface. Throws a VnetError. */
export function masquerade(place: SocketPlace, { name }: Outside, options: AccessOptions): void {
  const rules: nft.NftExpr[][] = [[nft.oif(name), nft.MASQUERADE]]
  // Replies of a host on the same segment must return through the router.
  if (options.hairpin) {
    rules.push([nft.notIif(name), nft.notOif(name), nft.FORWARDED, nft.MASQUERADE])
  }
  nft.addRules(place, NEEDS_NAT, nft.NFPROTO_IPV4, [
    { ...nft.POSTROUTING, rules },
    { ...nft.PREROUTING, rules: [] },
  ])
  const { udpTimeout, tcpTimeout } = options
  const set = (setting: string, value: number | string | undefined) => {
    if (value === undefined) return
    const path = `net/netfilter/nf_conntrack_${setting}`
    writeSysctl(place.native, place.nsfd, path, String(durationOf(value) / NSEC_PER_SEC))
  }
  set('udp_timeout', udpTimeout)
  set('udp_timeout_stream', udpTimeout)
  set('tcp_timeout_established', tcpTimeout)
}

/** Makes the kernel's NAT forward a port. Throws a VnetError. */
export function forwardByKernel(
  place: SocketPlace,
  { name, address }: Outside,
  hairpin: boolean,
  { protocol: ipproto, port, address: host, to }: NatForward,
): void {
  const from = hairpin ? [] : [nft.iif(name)]
  const rule = [
    ...from,
    nft.daddr4(address),
    nft.protocol(ipproto),
    nft.dport(port),
    nft.dnat4(host, to),
  ]
  nft.addRules(place, NEEDS_NAT, nft.NFPROTO_IPV4, [{ ...nft.PREROUTING, rules: [rule] }])
}

/** Drops requests for ports that come from outside (RFC 6887 section 18). Throws a VnetError. */
export function refusePortControl(place: SocketPlace, name: string): void {
  const rule = [
    nft.iif(name),
    nft.protocol(ipv4.IPPROTO_UDP),
    nft.dport(PORT_CONTROL_PORT),
    nft.DROP,
  ]
  nft.addRules(place, 'portMapping (the kernel needs nf_tables)', nft.NFPROTO_INET, [
    { ...nft.INPUT, rules: [rule] },
  ])
}

/** Sets up a stateful firewall. Throws a VnetError. */
export function firewall(place: SocketPlace, name: string, options: AccessOptions): void {
  // The kernel's NAT marks packets that it forwards; vnet's own filters outside the router.
  const passes = (version: 4 | 6) =>
    version === 4 && options.nat === 'masquerade' ? nft.FORWARDED : nft.family(NFPROTO[version])
  const written = ({
    way,
    version,
    protocol: ipproto,
    port,
    source,
    accepts,
  }: FirewallRule): nft.NftExpr[] => [
    (way === 'in' ? nft.iif : nft.oif)(name),
    ...(version === undefined ? [] : [passes(version)]),
    ...(ipproto === undefined ? [] : [nft.protocol(ipproto)]),
    ...(port === undefined ? [] : [nft.dport(port)]),
    ...(source === undefined ? [] : [nft.saddr6(source.bytes.subarray(0, source.prefixLen / 8))]),
    accepts ? nft.ACCEPT : nft.DROP,
  ]
  const known = [nft.KNOWN, nft.ACCEPT]
  nft.addRules(place, NEEDS_CT, nft.NFPROTO_INET, [
    { ...nft.FORWARD, rules: [known, ...firewallRules(options).map(written)] },
    { ...nft.INPUT, rules: [known, ...FOR_ROUTER.map(written)] },
  ])
}

const NEEDS_REDIRECT = 'captive-portal (the kernel needs nf_tables and nft_redir)'

/** Leads HTTP requests from inside to a port of the router. Throws a VnetError. */
export function captureHttp(place: SocketPlace, name: string, port: number): void {
  const rule = [
    nft.notIif(name),
    nft.protocol(ipv4.IPPROTO_TCP),
    nft.dport(HTTP_PORT),
    nft.redirect(port),
  ]
  nft.addRules(place, NEEDS_REDIRECT, nft.NFPROTO_INET, [{ ...nft.PREROUTING, rules: [rule] }])
}

/** Returns the addresses that the router reaches by another interface than `name`. */
export function reachedInside(
  { native, nsfd }: SocketPlace,
  name: string,
  addresses: readonly Uint8Array[],
): readonly Uint8Array[] {
  using sock = RouteSocket.open(native, nsfd)
  const outer = getLink(sock, { name })?.ifindex
  const routes = getRoutes(sock)
  const isInside = (ifindex: number | undefined) => ifindex !== undefined && ifindex !== outer
  return addresses.filter(address => isInside(outputTo(routes, address)))
}

/** Lets packets of a host with these addresses pass a captive portal. Throws a VnetError. */
export function acceptSource(
  place: SocketPlace,
  name: string,
  addresses: readonly Uint8Array[],
): void {
  nft.addRules(place, NEEDS_REDIRECT, nft.NFPROTO_INET, [
    { ...nft.PREROUTING, rules: addresses.map(each => [nft.saddr(each), nft.ACCEPT]), first: true },
    {
      ...nft.FORWARD,
      rules: addresses.map(each => [nft.oif(name), nft.saddr(each), nft.ACCEPT]),
      first: true,
    },
  ])
}

/**
 * Routes packets from inside that are for the router's ports of the NAT to the outside, where the
 * NAT turns them back. Without these routes the router would take the packets for its own. Throws a
 * VnetError.
 */
export function routeHairpin(place: SocketPlace, { name, address, nextHop }: Outside): void {
  // A packet that turns back has the router's address as its source. rp_filter still refuses the
  // router's other addresses there, and the NAT refuses this address from outside.
  for (const setting of ['accept_local', 'rp_filter']) {
    writeSysctl(place.native, place.nsfd, `net/ipv4/conf/${name}/${setting}`, '1')
  }
  using sock = RouteSocket.open(place.native, place.nsfd)
  const { ifindex: index = 0 } = getLink(sock, { name }) ?? {}
  const dst = { bytes: Uint8Array.from(long(address)), prefixLen: 32 }
  setNetworkRoute(sock, {
    dst,
    oif: index,
    via: Uint8Array.from(long(nextHop)),
    table: HAIRPIN_TABLE,
  })
  const local = { family: uapi.AF_INET, table: RT_TABLE_LOCAL } as const
  for (const own of [name, 'lo']) {
    addRule(sock, { ...local, priority: 1, iif: own })
  }
  addRule(sock, { ...local, priority: 3 })
  // The rule that precedes all others has priority 0.
  delLocalRule(sock)
  hairpinPorts(sock, address, FIRST_PORT, LAST_PORT)
}

/** Routes packets to a forwarded port, like routeHairpin. */
export function routeHairpinPort(
  { native, nsfd }: SocketPlace,
  { address }: Outside,
  port: number,
): void {
  using sock = RouteSocket.open(native, nsfd)
  hairpinPorts(sock, address, port, port)
}

/** Routes packets for a network to the link outside, where a translator is. Throws a VnetError. */
export function routeOutside(
  { native, nsfd }: SocketPlace,
  name: string,
  dst: Prefix,
  nextHop = '',
): void {
  using sock = RouteSocket.open(native, nsfd)
  const { ifindex = 0 } = getLink(sock, { name }) ?? {}
  setNetworkRoute(sock, { dst, oif: ifindex, via: toPrefix(nextHop).bytes })
}

function hairpinPorts(sock: RouteSocket, address: number, first: number, last: number): void {
  const to = { address: Uint8Array.from(long(address)), ports: [first, last] } as const
  addRule(sock, { family: uapi.AF_INET, table: HAIRPIN_TABLE, priority: 2, to })
}

/** The size of struct fib_rule_hdr. */
const FIB_RULE_HDR = 12

/** `ip -4 rule del lookup local`: removes the first such rule. Throws a VnetError. */
export function delLocalRule(sock: RouteSocket): void {
  const message = new Uint8Array(FIB_RULE_HDR)
  message[0] = uapi.AF_INET
  message[4] = RT_TABLE_LOCAL
  message[7] = uapi.FR_ACT_TO_TBL
  sock.request({
    type: uapi.RTM_DELRULE,
    what: () => ['RTM_DELRULE', 'lookup local'],
    write: builder => builder.payload(message),
  })
}

/** Returns the index that the most specific unicast route leads to; undefined if local or none. */
export function outputTo(routes: readonly Route[], address: Uint8Array): number | undefined {
  const to = { bytes: address, prefixLen: 8 * address.length }
  const leading = routes.filter(({ dst, prefixLen }) =>
    prefixesIntersect({ bytes: dst, prefixLen }, to),
  )
  const [best] = leading.sort((a, b) => b.prefixLen - a.prefixLen)
  return best?.type === uapi.RTN_UNICAST ? best.oif : undefined
}
