/** The numbers of DNS (RFC 1035). */

export const DNS_PORT = 53
/** Length of the header. The question's name follows it. */
export const DNS_HLEN = 12

/** Types, RFC 1035 sec. 3.2.2, 3596, 6891. */
export const T_A = 1
export const T_NS = 2
export const T_SOA = 6
export const T_PTR = 12
export const T_AAAA = 28
export const T_OPT = 41
export const T_IXFR = 251
export const T_AXFR = 252
export const T_ANY = 255
export const C_IN = 1
export const C_ANY = 255

/** Response codes. The upper bits of BADVERS, an extended one, are in OPT. */
export const NOERROR = 0
export const FORMERR = 1
export const NXDOMAIN = 3
export const NOTIMP = 4
export const REFUSED = 5
export const BADVERS = 16

export const DNS_QR = 0x8000
export const DNS_OPCODE = 0x7800
export const DNS_AA = 0x0400
export const DNS_TC = 0x0200
export const DNS_RD = 0x0100
export const DNS_RA = 0x0080
export const DNS_CD = 0x0010

