/**
 * Constants of the kernel's user API under their own names, and encoders for the structs that go
 * with them. x86_64 and aarch64 have the same values and are both little-endian. Structs are in
 * host byte order except where noted.
 */
import { EINVAL, VnetError } from '../base/errno.ts'
import { IFNAMSIZ, IFREQ_LEN } from '../netdev/if.ts'
import { getU16, putU16, putU32 } from '../netlink/host-order.ts'
import { decodeName, encodeName } from '../netlink/name.ts'

// include/uapi/linux/if_tun.h: flags of TUNSETIFF
export const IFF_TUN = 0x0001
export const IFF_TAP = 0x0002

// include/uapi/linux/if_tun.h: ioctls
export const TUNSETIFF = 0x400454ca
export const TUNSETPERSIST = 0x400454cb
export const TUNGETIFF = 0x800454d2
export const TUNSETCARRIER = 0x400454e2
/** Returns a descriptor of the network namespace that the device is in. */
export const TUNGETDEVNETNS = 0x54e3

// include/uapi/linux/virtio_net.h
/** sizeof(struct virtio_net_hdr): 2 bytes, then hdr_len, gso_size, csum_start, csum_offset. */
export const VIRTIO_NET_HDR_LEN = 10

// include/uapi/asm-generic/fcntl.h
export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_NONBLOCK = 0x800
export const O_CLOEXEC = 0x80000

// include/uapi/asm-generic/ioctls.h
/** Turns O_NONBLOCK of a descriptor on or off. */
export const FIONBIO = 0x5421

// include/uapi/linux/sched.h
export const CLONE_FILES = 0x400
export const CLONE_NEWNET = 0x40000000

// include/linux/socket.h
export const AF_UNSPEC = 0
export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export type AddressFamily = typeof AF_INET | typeof AF_INET6
export const AF_NETLINK = 16
export const MSG_PEEK = 0x02
export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const SOL_NETLINK = 270

// include/linux/net.h
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_SEQPACKET = 5
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
export const SO_MEMINFO = 55
export const SO_PEERCRED = 17
export const SO_PEERGROUPS = 59
export const SO_PEERPIDFD = 77
export const SO_PASSRIGHTS = 83

// include/linux/highuid.h
/** The number of a group that has none in this user namespace. */
export const OVERFLOW_GID = 65534

// include/uapi/linux/in.h, in6.h
export const IPPROTO_IPV6 = 41
export const IPV6_V6ONLY = 26
export const IPV6_TRANSPARENT = 75

// include/uapi/linux/netlink.h
export const NETLINK_ROUTE = 0
export const NETLINK_SOCK_DIAG = 4
export const NETLINK_GENERIC = 16
export const NETLINK_ADD_MEMBERSHIP = 1
export const NETLINK_LISTEN_ALL_NSID = 8
export const NETLINK_CAP_ACK = 10
export const NETLINK_EXT_ACK = 11
export const NETLINK_GET_STRICT_CHK = 12

// include/uapi/linux/rtnetlink.h
export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22
export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26
export const RTM_NEWRULE = 32
export const RTM_DELRULE = 33
export const RTM_DELQDISC = 37
export const RTM_DELTFILTER = 45
export const RTM_NEWMULTICAST = 56
export const RTM_DELMULTICAST = 57
export const RTM_NEWNSID = 88
export const RTM_DELNSID = 89
export const RTM_GETNSID = 90

// include/uapi/linux/if.h
export const IF_OPER_UNKNOWN = 0
export const IF_OPER_UP = 6

// include/uapi/linux/sockios.h
/** Returns the hardware address of a TAP's interface, by its descriptor. */
export const SIOCGIFHWADDR = 0x8927
/** Returns a descriptor of the network namespace that a socket is in. */
export const SIOCGSKNS = 0x894c
export { SIOCDEVPRIVATE } from '../netdev/if.ts'

// include/uapi/linux/capability.h
export const CAP_NET_BROADCAST = 11
export const CAP_NET_ADMIN = 12
export const CAP_SYS_PTRACE = 19
export const CAP_SYS_ADMIN = 21
export const CAP_BPF = 39

/** A struct ifreq with ifr_name and ifr_flags. VnetError EINVAL if the name is too long. */
export function ifreq(name: string, flags = 0): Uint8Array {
  const bytes = encodeName(name)
  if (bytes.length >= IFNAMSIZ)
    throw new VnetError(EINVAL, `interface name ${name}`, `a name has at most ${IFNAMSIZ - 1} bytes`)
  const request = new Uint8Array(IFREQ_LEN)
  request.set(bytes)
  putU16(request, IFNAMSIZ, flags)
  return request
}

/** ifr_name of an ifreq that the kernel filled in. */
export function ifreqName(request: Uint8Array): string {
  const end = request.indexOf(0)
  return decodeName(request.subarray(0, end < 0 || end > IFNAMSIZ ? IFNAMSIZ : end))
}

/** ifr_flags of an ifreq that the kernel filled in. */
export const ifreqFlags = (request: Uint8Array): number => getU16(request, IFNAMSIZ)

/** A struct sockaddr_nl (linux/netlink.h). Port 0 is the kernel; for bind(2), any free one. */
export function sockaddrNl(port = 0, groups = 0): Uint8Array {
  const address = new Uint8Array(12)
  putU16(address, 0, AF_NETLINK)
  putU32(address, 4, port)
  putU32(address, 8, groups)
  return address
}

/** sizeof(sun_path), including the terminating NUL. */
const UNIX_PATH_MAX = 108

/** A struct sockaddr_un (include/uapi/linux/un.h); undefined if the path is too long. */
export function sockaddrUn(path: string): Uint8Array | undefined {
  const bytes = new TextEncoder().encode(path)
  if (bytes.length >= UNIX_PATH_MAX) return undefined
  const address = new Uint8Array(2 + bytes.length + 1)
  putU16(address, 0, AF_UNIX)
  address.set(bytes, 2)
  return address
}

/** A struct sockaddr_in or sockaddr_in6 (linux/in.h, in6.h), by the length of the address. */
export function sockaddrInet(bytes: Uint8Array, port: number): Uint8Array {
  const isV4 = bytes.length === 4
  const address = new Uint8Array(isV4 ? 16 : 28)
  putU16(address, 0, isV4 ? AF_INET : AF_INET6)
  // The port is in network byte order.
  address.set([port >> 8, port & 0xff], 2)
  address.set(bytes, isV4 ? 4 : 8)
  return address
}

/** An int, as socket options and most ioctls take it. */
export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  putU32(bytes, 0, value)
  return bytes
}
