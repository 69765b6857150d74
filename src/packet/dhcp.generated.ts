/** The numbers of DHCP (RFC 2131, RFC 2132). */

export const DHO_RELAY_AGENT = 82

export const DHCP_SERVER_PORT = 67
export const DHCP_CLIENT_PORT = 68

export const BOOTREQUEST = 1
export const BOOTREPLY = 2

/** The bit of `flags` that requests replies by broadcast. */
export const DHCP_FLAG_BROADCAST = 0x8000

/** Message types, option 53. */
export const DHCPDISCOVER = 1
export const DHCPOFFER = 2
export const DHCPREQUEST = 3
export const DHCPDECLINE = 4
export const DHCPACK = 5
export const DHCPNAK = 6
export const DHCPRELEASE = 7
export const DHCPINFORM = 8

/** Options that a server reads or writes itself. */
export const DHO_SUBNET_MASK = 1
export const DHO_HOST_NAME = 12
export const DHO_REQUESTED_ADDRESS = 50
export const DHO_LEASE_TIME = 51
export const DHO_MESSAGE_TYPE = 53
export const DHO_SERVER_IDENTIFIER = 54
export const DHO_PARAMETER_REQUEST_LIST = 55
export const DHO_MESSAGE = 56
export const DHO_MAX_MESSAGE_SIZE = 57
export const DHO_RENEWAL_TIME = 58
export const DHO_REBINDING_TIME = 59
export const DHO_CLIENT_IDENTIFIER = 61
export const DHO_TFTP_SERVER = 66
export const DHO_BOOTFILE = 67
export const DHO_CLIENT_FQDN = 81

/** The message size that every client accepts: 576 bytes of IP less the IP and UDP headers. */
export const DHCP_MIN_MESSAGE = 548

