/**
 * The constants of a network interface, under the kernel's names, and checks of names and addresses
 * that need no device: include/uapi/linux/if.h, if_arp.h, if_ether.h, sockios.h and
 * include/linux/netdevice.h.
 */
import { UsageError } from '../base/usage-error.ts'
import { ETH_ALEN, isStationAddress } from '../packet/ethernet.ts'

export const IFF_UP = 1 << 0
export const IFF_BROADCAST = 1 << 1
export const IFF_DEBUG = 1 << 2
export const IFF_LOOPBACK = 1 << 3
export const IFF_POINTOPOINT = 1 << 4
export const IFF_NOTRAILERS = 1 << 5
export const IFF_RUNNING = 1 << 6
export const IFF_NOARP = 1 << 7
export const IFF_PROMISC = 1 << 8
export const IFF_ALLMULTI = 1 << 9
export const IFF_MASTER = 1 << 10
export const IFF_SLAVE = 1 << 11
export const IFF_MULTICAST = 1 << 12
export const IFF_PORTSEL = 1 << 13
export const IFF_AUTOMEDIA = 1 << 14
export const IFF_DYNAMIC = 1 << 15
export const IFF_LOWER_UP = 1 << 16
export const IFF_DORMANT = 1 << 17
export const IFF_ECHO = 1 << 18

export const IFNAMSIZ = 16
export const ARPHRD_ETHER = 1
export const ARPHRD_LOOPBACK = 772
export const ETH_MIN_MTU = 68
/** The most a TAP takes: 65535 less the Ethernet header. */
export const ETH_MAX_MTU = 65521
export const ETH_DATA_LEN = 1500
export const DEFAULT_TX_QUEUE_LEN = 1000
/** A TAP has at most this many queues (MAX_TAP_QUEUES, drivers/net/tun.c). */
export const MAX_TAP_QUEUES = 256

// Results of ndoStartXmit.
export const NETDEV_TX_OK = 0
export const NETDEV_TX_BUSY = 0x10

// Features. The names are the kernel's, the bit positions are ours.
export const NETIF_F_SG = 1 << 0
export const NETIF_F_HW_CSUM = 1 << 1
export const NETIF_F_TSO = 1 << 2
export const NETIF_F_TSO6 = 1 << 3
export const NETIF_F_TSO_ECN = 1 << 4
export const NETIF_F_GSO_UDP_L4 = 1 << 5
/** Checksums of TCP and UDP only, over IPv4 and over IPv6. */
export const NETIF_F_IP_CSUM = 1 << 6
export const NETIF_F_IPV6_CSUM = 1 << 7
/** No checksum is needed, as on a loopback. */
export const NETIF_F_NO_CSUM = 1 << 8
/** The framework segments frames in software if the device cannot. */
export const NETIF_F_GSO = 1 << 9
/** Segments of a flow are merged before the kernel gets them, in software (gro.ts). */
export const NETIF_F_GRO = 1 << 10
export const NETIF_F_CSUM_MASK =
  NETIF_F_HW_CSUM | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | NETIF_F_NO_CSUM
/** Everything a TAP with a vnet header can do. */
export const NETIF_F_ALL_TAP =
  NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4

// `msgEnable`: the events that a device logs (NETIF_MSG_*, include/linux/netdevice.h).

/** The carrier. */
export const NETIF_MSG_LINK = 1 << 2
/** The watchdog's findings. */
export const NETIF_MSG_TIMER = 1 << 3
/** Frames that were dropped, on the receive side and on the transmit side. */
export const NETIF_MSG_RX_ERR = 1 << 6
export const NETIF_MSG_TX_ERR = 1 << 7
/** Transmit queues that were stopped and woken, and frames that the driver queued. */
export const NETIF_MSG_TX_QUEUED = 1 << 8
/** Interrupts. */
export const NETIF_MSG_INTR = 1 << 9
export const NETIF_MSG_TX_DONE = 1 << 10
/** Polls (NAPI). */
export const NETIF_MSG_RX_STATUS = 1 << 11
/** Every frame. */
export const NETIF_MSG_PKTDATA = 1 << 12
/** All of the above: log lines about single frames, and about events between them. */
export const NETIF_MSG_FRAMES =
  NETIF_MSG_LINK |
  NETIF_MSG_TIMER |
  NETIF_MSG_RX_ERR |
  NETIF_MSG_TX_ERR |
  NETIF_MSG_TX_QUEUED |
  NETIF_MSG_INTR |
  NETIF_MSG_TX_DONE |
  NETIF_MSG_RX_STATUS |
  NETIF_MSG_PKTDATA

// `regState`
export const NETREG_UNINITIALIZED = 0
export const NETREG_REGISTERED = 1
export const NETREG_UNREGISTERING = 2
export const NETREG_UNREGISTERED = 3

// Notifier events, include/linux/netdevice.h.
export const NETDEV_UP = 1
export const NETDEV_DOWN = 2
/** Flags, carrier or cable changed. */
export const NETDEV_CHANGE = 4
export const NETDEV_REGISTER = 5
export const NETDEV_UNREGISTER = 6
export const NETDEV_CHANGEMTU = 7
export const NETDEV_CHANGEADDR = 8
export const NETDEV_CHANGENAME = 10
export const NETDEV_POST_INIT = 16
/** vnet's own: queue `dev.watchdog.lastQueue` was stopped for too long; ndoTxTimeout is next. */
export const NETDEV_TX_TIMEOUT = 0x100
/** vnet's own: the stages of a wire of the device were changed. */
export const NETDEV_WIRE = 0x101
/** vnet's own: a frame of the device waits for a step, or `net.gate` was turned on or off. */
export const NETDEV_STEP = 0x102

// ioctls of a socket that reach a driver.
export const SIOCGIFMAP = 0x8970
export const SIOCSIFMAP = 0x8971
/** The first of the sixteen that a driver may give a meaning. */
export const SIOCDEVPRIVATE = 0x89f0
export const SIOCDEVPRIVATES = 16
/** sizeof(struct ifreq): a name of IFNAMSIZ, then a union. */
export const IFREQ_LEN = 40
/** Offset of the union: ifr_data, a pointer, or ifr_map. */
export const IFR_IFRU = 16

export { ETH_ALEN, ETH_HLEN, ETH_ZLEN } from '../packet/ethernet.ts'
export { VLAN_HLEN } from '../packet/vlan.ts'

/** is_valid_ether_addr: true unless it is a group address or all zero. */
export function isValidEtherAddr(address: Uint8Array): boolean {
  return address.length === ETH_ALEN && isStationAddress(address, 0)
}

/** dev_valid_name: whether an interface may have a name, or a pattern such as `eth%d`. */
export function devValidName(name: string): boolean {
  const bytes = new TextEncoder().encode(name).length
  if (bytes === 0 || bytes >= IFNAMSIZ || name === '.' || name === '..') return false
  return !/[/:\s\0]/.test(name) && /^[^%]*(%d[^%]*)?$/.test(name)
}

/** `far/sn1` is sn1 in the namespace far; `/proc/7/ns/net/sn1` names the namespace by a path. */
export type InterfaceArg = Readonly<{ name: string; netns: string | undefined }>

/** Parses `[NETNS/]IF`. Throws a UsageError. */
export function interfaceArg(arg: string): InterfaceArg {
  const slash = arg.lastIndexOf('/')
  if (slash < 0) return { name: arg, netns: undefined }
  if (slash === 0 || slash === arg.length - 1) {
    throw new UsageError(`'${arg}' is not [NETNS/]IF: a part is missing`)
  }
  return { name: arg.slice(slash + 1), netns: arg.slice(0, slash) }
}
