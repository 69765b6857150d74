/** The numbers of IPv4 (RFC 791). */

/** Lengths of a header without options, and of an address. */
export const IPV4_HLEN = 20
export const IPV4_ALEN = 4

/** Protocol numbers, also IPv6 next headers, include/uapi/linux/in.h. */
export const IPPROTO_ICMP = 1
export const IPPROTO_IGMP = 2
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_DCCP = 33
export const IPPROTO_ESP = 50
export const IPPROTO_AH = 51
export const IPPROTO_UDPLITE = 136

/** Flag bits, in the field that also holds the fragment offset. */
export const IP_DF = 0x4000
export const IP_MF = 0x2000

