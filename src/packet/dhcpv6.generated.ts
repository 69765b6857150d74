/** The numbers of DHCPv6 (RFC 8415). */

export const DHCPV6_SERVER_PORT = 547

/** Message types, RFC 8415 sec. 7.3. */
export const DHCPV6_REPLY = 7
export const DHCPV6_INFORMATION_REQUEST = 11
export const DHCPV6_RELAY_FORW = 12
export const DHCPV6_RELAY_REPL = 13

/** Options, RFC 8415 sec. 21, RFC 3646. */
export const D6O_CLIENTID = 1
export const D6O_SERVERID = 2
export const D6O_IA_NA = 3
export const D6O_IA_TA = 4
export const D6O_ORO = 6
export const D6O_RELAY_MSG = 9
export const D6O_INTERFACE_ID = 18
export const D6O_DNS_SERVERS = 23
export const D6O_DOMAIN_LIST = 24
export const D6O_IA_PD = 25
export const D6O_INFORMATION_REFRESH_TIME = 32

/** Lengths of a message's header, and of a relay's: type, hop count, two addresses. */
export const DHCPV6_HLEN = 4
export const DHCPV6_RELAY_HLEN = 34

