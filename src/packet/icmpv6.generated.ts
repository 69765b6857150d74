/** The numbers of ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861). */

/** Codes of a "destination unreachable" (RFC 4443 sec. 3.1), and of a "parameter problem". */
export const ICMPV6_NOROUTE = 0
export const ICMPV6_PORT_UNREACH = 4
export const ICMPV6_UNK_NEXTHDR = 1

/** Message types, include/uapi/linux/icmpv6.h, RFC 4861. */
export const ICMPV6_DEST_UNREACH = 1
export const ICMPV6_PKT_TOOBIG = 2
export const ICMPV6_TIME_EXCEED = 3
export const ICMPV6_PARAMPROB = 4
export const ICMPV6_ECHO_REQUEST = 128
export const ICMPV6_ECHO_REPLY = 129
export const NDISC_ROUTER_SOLICITATION = 133
export const NDISC_ROUTER_ADVERTISEMENT = 134
export const NDISC_NEIGHBOUR_SOLICITATION = 135
export const NDISC_NEIGHBOUR_ADVERTISEMENT = 136
export const NDISC_REDIRECT = 137

/** Lengths of a neighbour message without options, and of an Ethernet address option. */
export const NDISC_HLEN = 24
export const ND_OPT_LL_ADDR_LEN = 8
/** Option types, RFC 4861 sec. 4.6. */
export const ND_OPT_SOURCE_LL_ADDR = 1
export const ND_OPT_TARGET_LL_ADDR = 2
/** Flags of an advertisement, RFC 4861 sec. 4.4. */
export const NA_ROUTER = 0x8000_0000
export const NA_SOLICITED = 0x4000_0000
export const NA_OVERRIDE = 0x2000_0000
/** The hop limit of all neighbour discovery, which shows that no router forwarded it. */
export const NDISC_HOP_LIMIT = 255

