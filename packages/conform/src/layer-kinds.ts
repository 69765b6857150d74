/**
 * The headers that conform's packets are made of, by their names in the notation of cases
 * (packages/conform/docs/conform-cases.md).
 */
import {
  arp,
  ETH_ALEN,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  tcp,
} from 'vnet'

/** Values of fields, by their names. */
export type Fields = Readonly<Record<string, number>>

export interface LayerKind {
  /** The EtherType or protocol number of the layer; undefined for an option. */
  readonly number?: number
  /** Length of the header without options, in bytes. */
  readonly length: number
  /** Position and size of each field, in bytes. */
  readonly fields: Readonly<Record<string, readonly [at: number, size: number]>>
  /** Position of the checksum, which covers the upper layer and the pseudo header. */
  readonly check?: number
  /** Values of fields that a packet does not name; a text is the name of an address. */
  readonly usual?: Readonly<Record<string, number | string>>
  /** Words that set one field or several, such as `syn`. */
  readonly names?: Readonly<Record<string, Fields>>
}

const KINDS = {
  ether: {
    number: 0,
    length: 14,
    fields: {
      to: [0, 6],
      from: [6, 6],
      type: [12, 2],
    },
    usual: { to: 'host', from: 'peer' },
  },
  vlan: {
    number: ETH_P_8021Q,
    length: 4,
    fields: {
      tci: [0, 2],
      type: [2, 2],
    },
  },
  arp: {
    number: ETH_P_ARP,
    length: 28,
    fields: {
      hrd: [0, 2],
      pro: [2, 2],
      hln: [4, 1],
      pln: [5, 1],
      op: [6, 2],
      sha: [8, 6],
      spa: [14, 4],
      tha: [18, 6],
      tpa: [24, 4],
    },
    usual: {
      hrd: arp.ARPHRD_ETHER,
      pro: ETH_P_IP,
      hln: ETH_ALEN,
      pln: 4,
      sha: 'peer',
      spa: 'peer',
      tpa: 'host',
    },
    names: {
      request: { op: arp.ARPOP_REQUEST },
      reply: { op: arp.ARPOP_REPLY },
    },
  },
  ip: {
    number: ETH_P_IP,
    length: 20,
    fields: {
      start: [0, 1],
      tos: [1, 1],
      len: [2, 2],
      id: [4, 2],
      offset: [6, 2],
      ttl: [8, 1],
      proto: [9, 1],
      sum: [10, 2],
      from: [12, 4],
      to: [16, 4],
    },
    usual: { ttl: 64, from: 'peer', to: 'host' },
  },
  ip6: {
    number: ETH_P_IPV6,
    length: 40,
    fields: {
      start: [0, 1],
      flow: [1, 3],
      len: [4, 2],
      next: [6, 1],
      hops: [7, 1],
      from: [8, 16],
      to: [24, 16],
    },
    usual: { start: 0x60, hops: 64, from: 'peer', to: 'host' },
  },
  hop: {
    number: ipv6.NEXTHDR_HOP,
    length: 2,
    fields: {
      next: [0, 1],
      size: [1, 1],
    },
  },
  dest: {
    number: ipv6.NEXTHDR_DEST,
    length: 2,
    fields: {
      next: [0, 1],
      size: [1, 1],
    },
  },
  route: {
    number: ipv6.NEXTHDR_ROUTING,
    length: 2,
    fields: {
      next: [0, 1],
      size: [1, 1],
    },
  },
  frag: {
    number: ipv6.NEXTHDR_FRAGMENT,
    length: 8,
    fields: {
      next: [0, 1],
      offset: [2, 2],
      id: [4, 4],
    },
  },
  icmp: {
    number: ipv4.IPPROTO_ICMP,
    length: 8,
    fields: {
      type: [0, 1],
      code: [1, 1],
      sum: [2, 2],
      id: [4, 2],
      seq: [6, 2],
      mtu: [6, 2],
    },
    check: 2,
    names: {
      echo: { type: icmp.ICMP_ECHO, code: 0 },
      reply: { type: icmp.ICMP_ECHOREPLY, code: 0 },
      unreachable: { type: icmp.ICMP_DEST_UNREACH },
    },
  },
  icmp6: {
    number: ipv6.NEXTHDR_ICMP,
    length: 8,
    fields: {
      type: [0, 1],
      code: [1, 1],
      sum: [2, 2],
      id: [4, 2],
      seq: [6, 2],
      mtu: [4, 4],
      pointer: [4, 4],
    },
    check: 2,
    names: {
      echo: { type: icmpv6.ICMPV6_ECHO_REQUEST, code: 0 },
      reply: { type: icmpv6.ICMPV6_ECHO_REPLY, code: 0 },
      unreachable: { type: icmpv6.ICMPV6_DEST_UNREACH },
      problem: { type: icmpv6.ICMPV6_PARAMPROB },
    },
  },
  nd: {
    number: ipv6.NEXTHDR_ICMP,
    length: 24,
    fields: {
      type: [0, 1],
      code: [1, 1],
      sum: [2, 2],
      flags: [4, 1],
      target: [8, 16],
    },
    check: 2,
    names: {
      ns: { type: icmpv6.NDISC_NEIGHBOUR_SOLICITATION },
      na: { type: icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT },
    },
  },
  lladdr: {
    length: 8,
    fields: {
      type: [0, 1],
      size: [1, 1],
      mac: [2, 6],
    },
    usual: { type: icmpv6.ND_OPT_SOURCE_LL_ADDR, size: 1, mac: 'peer' },
  },
  udp: {
    number: ipv4.IPPROTO_UDP,
    length: 8,
    fields: {
      from: [0, 2],
      to: [2, 2],
      len: [4, 2],
      sum: [6, 2],
    },
    check: 6,
  },
  tcp: {
    number: ipv4.IPPROTO_TCP,
    length: 20,
    fields: {
      from: [0, 2],
      to: [2, 2],
      seq: [4, 4],
      ack: [8, 4],
      offset: [12, 1],
      flags: [13, 1],
      win: [14, 2],
      sum: [16, 2],
      urgent: [18, 2],
    },
    check: 16,
    usual: { win: 65535 },
    names: {
      syn: { flags: tcp.TCP_SYN },
      'syn-ack': { flags: tcp.TCP_SYN | tcp.TCP_ACK },
      rst: { flags: tcp.TCP_RST },
      'rst-ack': { flags: tcp.TCP_RST | tcp.TCP_ACK },
    },
  },
} satisfies Readonly<Record<string, LayerKind>>

export const LAYER_KINDS: ReadonlyMap<string, LayerKind> = new Map(Object.entries(KINDS))
