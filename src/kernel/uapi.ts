/**
 * Numbers of the kernel's user interface under their own names, and encoders for the structs that go with them.
 * x86_64 and aarch64 agree on every number here; both are little-endian, and structs are in host order unless a field
 * says otherwise.
 */

import { EINVAL, VnetError } from '../core/errno.ts'
import { IFNAMSIZ } from '../core/if.ts'
import { IFREQ_LEN } from '../core/sockios.ts'
import { decodeName, encodeName } from '../netlink/index.ts'

// include/uapi/linux/if_tun.h: flags of TUNSETIFF
export const IFF_TUN = 0x0001
export const IFF_TAP = 0x0002
export const IFF_NAPI = 0x0010
export const IFF_NO_CARRIER = 0x0040
export const IFF_MULTI_QUEUE = 0x0100
export const IFF_NO_PI = 0x1000
export const IFF_VNET_HDR = 0x4000
export const IFF_TUN_EXCL = 0x8000

// include/uapi/linux/if_tun.h: ioctls
export const TUNSETIFF = 0x400454ca
export const TUNSETPERSIST = 0x400454cb
export const TUNSETOWNER = 0x400454cc
export const TUNSETGROUP = 0x400454ce
export const TUNSETOFFLOAD = 0x400454d0
export const TUNGETIFF = 0x800454d2
export const TUNSETVNETHDRSZ = 0x400454d8
export const TUNSETQUEUE = 0x400454d9
export const TUNSETCARRIER = 0x400454e2
/** Answers a descriptor of the network namespace the device is in. */
export const TUNGETDEVNETNS = 0x54e3

// include/uapi/linux/if_tun.h: TUNSETOFFLOAD's mask
export const TUN_F_CSUM = 0x01
export const TUN_F_TSO4 = 0x02
export const TUN_F_TSO6 = 0x04
export const TUN_F_TSO_ECN = 0x08
export const TUN_F_USO4 = 0x20
export const TUN_F_USO6 = 0x40

// include/uapi/linux/virtio_net.h
export const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1
export const VIRTIO_NET_HDR_F_DATA_VALID = 2
export const VIRTIO_NET_HDR_GSO_TCPV4 = 1
export const VIRTIO_NET_HDR_GSO_TCPV6 = 4
export const VIRTIO_NET_HDR_GSO_UDP_L4 = 5
/** A flag beside the GSO type. */
export const VIRTIO_NET_HDR_GSO_ECN = 0x80
/** sizeof(struct virtio_net_hdr): flags, gso_type, then hdr_len, gso_size, csum_start, csum_offset of 16 bits each. */
export const VIRTIO_NET_HDR_LEN = 10

// include/uapi/asm-generic/fcntl.h
export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_NONBLOCK = 0x800
export const O_CLOEXEC = 0x80000

// include/uapi/linux/sched.h
export const CLONE_FILES = 0x400

// include/linux/socket.h
export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const AF_NETLINK = 16
export const AF_PACKET = 17
export const MSG_PEEK = 0x02
export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const SOL_PACKET = 263
export const SOL_NETLINK = 270

// include/linux/net.h
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0x800
export const SOCK_CLOEXEC = 0x80000

// include/uapi/asm-generic/socket.h
export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_RCVTIMEO = 20
export const SO_ATTACH_FILTER = 26
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33
export const SO_PROTOCOL = 38
export const SO_DOMAIN = 39
export const SO_MEMINFO = 55
export const SO_NETNS_COOKIE = 71
export const SO_PEERCRED = 17
export const SO_PEERPIDFD = 77

// include/uapi/linux/in.h, in6.h
export const IPPROTO_IPV6 = 41
export const IPV6_TRANSPARENT = 75
export const IPV6_V6ONLY = 26

// include/uapi/linux/netlink.h
export const NETLINK_ROUTE = 0
export const NETLINK_USERSOCK = 2
export const NETLINK_GENERIC = 16
export const NETLINK_ADD_MEMBERSHIP = 1
export const NETLINK_LISTEN_ALL_NSID = 8
export const NETLINK_CAP_ACK = 10
export const NETLINK_EXT_ACK = 11
export const NETLINK_GET_STRICT_CHK = 12

// include/uapi/linux/if.h
export const IF_OPER_UNKNOWN = 0
export const IF_OPER_UP = 6

// include/uapi/linux/sockios.h
export const SIOCGIFFLAGS = 0x8913
export const SIOCGIFINDEX = 0x8933
export { SIOCDEVPRIVATE } from '../core/sockios.ts'

// include/uapi/linux/if_packet.h, if_ether.h
export const PACKET_ADD_MEMBERSHIP = 1
export const PACKET_STATISTICS = 6
export const PACKET_VNET_HDR = 15
export const PACKET_IGNORE_OUTGOING = 23
export const PACKET_MR_PROMISC = 1
export const ETH_P_ALL = 3

// include/uapi/linux/capability.h
export const CAP_NET_ADMIN = 12
export const CAP_SYS_ADMIN = 21

/** An ifreq with ifr_name and ifr_flags; VnetError EINVAL for a name that does not fit with its terminating NUL. */
export function ifreq(name: string, flags = 0): Uint8Array {
  const octets = encodeName(name)
  if (octets.length >= IFNAMSIZ) {
    throw new VnetError(EINVAL, `interface name ${name}`, `a name has at most ${IFNAMSIZ - 1} octets`)
  }
  const request = new Uint8Array(IFREQ_LEN)
  request.set(octets)
  new DataView(request.buffer).setUint16(IFNAMSIZ, flags, true)
  return request
}

/** ifr_name of an ifreq that the kernel filled in. */
export function ifreqName(request: Uint8Array): string {
  const end = request.indexOf(0)
  return decodeName(request.subarray(0, end < 0 || end > IFNAMSIZ ? IFNAMSIZ : end))
}

/** ifr_flags of an ifreq that the kernel filled in. */
export function ifreqFlags(request: Uint8Array): number {
  return new DataView(request.buffer, request.byteOffset).getUint16(IFNAMSIZ, true)
}

/** A sockaddr_in6 of include/uapi/linux/in6.h: this port of every address. */
export function sockaddrIn6(port: number): Uint8Array {
  const address = new Uint8Array(28)
  const view = new DataView(address.buffer)
  view.setUint16(0, AF_INET6, true)
  view.setUint16(2, port)
  return address
}

/** A sockaddr_nl of include/uapi/linux/netlink.h; port 0 lets the kernel choose, or is the kernel. */
export function sockaddrNl(port = 0, groups = 0): Uint8Array {
  const address = new Uint8Array(12)
  const view = new DataView(address.buffer)
  view.setUint16(0, AF_NETLINK, true)
  view.setUint32(4, port, true)
  view.setUint32(8, groups, true)
  return address
}

/** sizeof(sun_path) of include/uapi/linux/un.h, with the NUL that ends it. */
const UNIX_PATH_MAX = 108

/** A sockaddr_un of include/uapi/linux/un.h; undefined when the path is too long for one. */
export function sockaddrUn(path: string): Uint8Array | undefined {
  const octets = new TextEncoder().encode(path)
  if (octets.length >= UNIX_PATH_MAX) return undefined
  const address = new Uint8Array(2 + octets.length + 1)
  new DataView(address.buffer).setUint16(0, AF_UNIX, true)
  address.set(octets, 2)
  return address
}

/** A sockaddr_ll of include/uapi/linux/if_packet.h: all frames of this interface. */
export function sockaddrLl(ifindex: number): Uint8Array {
  const address = new Uint8Array(20)
  const view = new DataView(address.buffer)
  view.setUint16(0, AF_PACKET, true)
  view.setUint16(2, ETH_P_ALL)
  view.setInt32(4, ifindex, true)
  return address
}

/** A packet_mreq of include/uapi/linux/if_packet.h without an address. */
export function packetMreq(ifindex: number, type: number): Uint8Array {
  const request = new Uint8Array(16)
  const view = new DataView(request.buffer)
  view.setInt32(0, ifindex, true)
  view.setUint16(4, type, true)
  return request
}

/** An int, as options and most ioctls take it. */
export function int32(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setInt32(0, value, true)
  return octets
}
