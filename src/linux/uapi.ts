/**
 * The constants of the kernel's user API under their own names, and encoders for the structs that
 * go with them. x86_64 and aarch64 have the same numbers and are both little-endian. Structs are in
 * host byte order except where noted.
 */
import { EINVAL, VnetError } from '../base/errno.ts'
import { IFNAMSIZ, IFREQ_LEN } from '../netdev/if.ts'
import { getU16, putU16, putU32 } from '../netlink/host-order.ts'
import { decodeName, encodeName } from '../netlink/name.ts'

// include/uapi/linux/if_tun.h: flags of TUNSETIFF
export const IFF_TUN = 0x0001
export const IFF_TAP = 0x0002
export const IFF_NO_CARRIER = 0x0040
export const IFF_MULTI_QUEUE = 0x0100
export const IFF_NO_PI = 0x1000
export const IFF_VNET_HDR = 0x4000
export const IFF_TUN_EXCL = 0x8000

// include/uapi/linux/if_tun.h: flags of TUNSETOFFLOAD
export const TUN_F_CSUM = 0x01
export const TUN_F_TSO4 = 0x02
export const TUN_F_TSO6 = 0x04
export const TUN_F_TSO_ECN = 0x08
export const TUN_F_USO4 = 0x20
export const TUN_F_USO6 = 0x40

// include/uapi/linux/if_tun.h: ioctls
export const TUNSETIFF = 0x400454ca
export const TUNSETPERSIST = 0x400454cb
export const TUNSETOWNER = 0x400454cc
export const TUNSETGROUP = 0x400454ce
export const TUNSETOFFLOAD = 0x400454d0
export const TUNGETIFF = 0x800454d2
export const TUNSETVNETHDRSZ = 0x400454d8
export const TUNSETCARRIER = 0x400454e2
/** Returns a descriptor of the network namespace that the device is in. */
export const TUNGETDEVNETNS = 0x54e3

// include/uapi/linux/virtio_net.h
/** sizeof(struct virtio_net_hdr): 2 bytes, then hdr_len, gso_size, csum_start, csum_offset. */
export const VIRTIO_NET_HDR_LEN = 10
export const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1
export const VIRTIO_NET_HDR_F_DATA_VALID = 2
export const VIRTIO_NET_HDR_GSO_TCPV4 = 1
export const VIRTIO_NET_HDR_GSO_TCPV6 = 4
export const VIRTIO_NET_HDR_GSO_UDP_L4 = 5
/** A flag in addition to the GSO type. */
export const VIRTIO_NET_HDR_GSO_ECN = 0x80

// include/uapi/asm-generic/fcntl.h
export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_NONBLOCK = 0x800
export const O_CLOEXEC = 0x80000

// include/uapi/asm-generic/poll.h
export const POLLHUP = 0x10

// include/uapi/asm-generic/ioctls.h
export const FIOCLEX = 0x5451
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
export const SO_PROTOCOL = 38
export const SO_DOMAIN = 39
export const SO_MEMINFO = 55
export const SO_PEERCRED = 17
export const SO_PEERGROUPS = 59
export const SO_NETNS_COOKIE = 71
export const SO_PEERPIDFD = 77
export const SO_PASSRIGHTS = 83

// include/linux/highuid.h
/** The number of a group that has none in this user namespace. */
export const OVERFLOW_GID = 65534

// include/uapi/linux/in.h, in6.h
export const IPPROTO_IPV6 = 41
export const IPV6_V6ONLY = 26
export const IPV6_TRANSPARENT = 75

// include/uapi/linux/if_ether.h, if_packet.h
export const ETH_P_ALL = 3
export const PACKET_ADD_MEMBERSHIP = 1
export const PACKET_STATISTICS = 6
export const PACKET_VNET_HDR = 15
export const PACKET_IGNORE_OUTGOING = 23
export const PACKET_MR_PROMISC = 1

// include/uapi/linux/filter.h
/** The first offset of ancillary data. */
export const SKF_AD_OFF = -0x1000
export const SKF_AD_VLAN_TAG = 44
export const SKF_AD_VLAN_TAG_PRESENT = 48

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
export const SIOCETHTOOL = 0x8946

// include/uapi/linux/ethtool.h
export const ETHTOOL_GLINKSETTINGS = 0x4c
export const ETHTOOL_SLINKSETTINGS = 0x4d
export const ETHTOOL_LINK_MODE_Autoneg_BIT = 6
export const ETHTOOL_LINK_MODE_TP_BIT = 7
export const ETHTOOL_LINK_MODE_FIBRE_BIT = 10
export const ETHTOOL_LINK_MODE_Pause_BIT = 13
export const ETH_TP_MDI = 1
export const ETH_TP_MDI_AUTO = 3
/** (u32)-1 */
export const SPEED_UNKNOWN = 0xffffffff
export const DUPLEX_UNKNOWN = 0xff

// include/uapi/linux/seccomp.h
export const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100
export const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101
export const SECCOMP_IOCTL_NOTIF_ID_VALID = 0x40082102
export const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103
export const SECCOMP_IOCTL_NOTIF_SET_FLAGS = 0x40082104
/** Runs the supervisor on the CPU of the waiting thread, which is four times faster. Linux 6.6. */
export const SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 1
export const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1
export const SECCOMP_ADDFD_FLAG_SETFD = 1
export const SECCOMP_ADDFD_FLAG_SEND = 2

// include/uapi/linux/pidfd.h
/** A thread, not only a process's first one. Linux 6.9. */
export const PIDFD_THREAD = 0x80
/** Fills a struct pidfd_info. Linux 6.13. */
export const PIDFD_GET_INFO = 0xc040ff0b
export const PIDFD_INFO_CREDS = 2

// include/uapi/linux/capability.h
export const CAP_NET_BROADCAST = 11
export const CAP_NET_ADMIN = 12
export const CAP_SYS_PTRACE = 19
export const CAP_SYS_ADMIN = 21
export const CAP_BPF = 39

// include/uapi/linux/if_link.h, if_tun.h
export const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MTU = 4
export const IFLA_LINK = 5
export const IFLA_QDISC = 6
export const IFLA_WIRELESS = 11
export const IFLA_TXQLEN = 13
export const IFLA_OPERSTATE = 16
export const IFLA_LINKINFO = 18
export const IFLA_STATS64 = 23
export const IFLA_NET_NS_FD = 28
export const IFLA_PROMISCUITY = 30
export const IFLA_LINK_NETNSID = 37
export const IFLA_CARRIER = 33
export const IFLA_TARGET_NETNSID = 46
export const IFLA_PROP_LIST = 52
export const IFLA_ALT_IFNAME = 53
export const IFLA_ALLMULTI = 61
export const IFLA_INFO_KIND = 1
export const IFLA_INFO_DATA = 2
export const IFLA_TUN_OWNER = 1
export const IFLA_TUN_GROUP = 2
export const IFLA_TUN_TYPE = 3
export const IFLA_TUN_PI = 4
export const IFLA_TUN_PERSIST = 6
export const IFLA_TUN_MULTI_QUEUE = 7
export const IFLA_TUN_NUM_QUEUES = 8
export const IFLA_TUN_NUM_DISABLED_QUEUES = 9
/** sizeof(struct ifinfomsg) */
export const IFINFOMSG = 16

// include/uapi/linux/rtnetlink.h, fib_rules.h
export const RTA_DST = 1
export const RTA_OIF = 4
export const RTA_GATEWAY = 5
export const RTA_PRIORITY = 6
export const RTA_MULTIPATH = 9
export const RTA_TABLE = 15
export const RTA_VIA = 18
export const RTN_UNICAST = 1
export const RTN_LOCAL = 2
export const RTN_THROW = 9
export const RTPROT_STATIC = 4
/** The next hop is on the link, whatever addresses the interface has. */
export const RTNH_F_ONLINK = 4
export const RT_SCOPE_UNIVERSE = 0
export const RT_SCOPE_LINK = 253
export const RT_SCOPE_HOST = 254
export const RT_TABLE_MAIN = 254
export const FR_ACT_TO_TBL = 1
export const RTMSG = 12

// include/uapi/linux/if_addr.h, neighbour.h
export const IFA_ADDRESS = 1
export const IFA_LOCAL = 2
export const IFA_FLAGS = 8
export const IFA_TARGET_NETNSID = 10
export const RTM_NEWNEIGH = 28
export const NDA_DST = 1
export const NDA_LLADDR = 2
export const NUD_REACHABLE = 0x02
export const NTF_EXT_LEARNED = 0x10

// include/uapi/linux/rtnetlink.h, pkt_cls.h
export const RTM_NEWQDISC = 36
export const RTM_NEWTFILTER = 44
export const TCA_KIND = 1
export const TCA_OPTIONS = 2
export const TCA_BPF_FD = 6
export const TCA_BPF_NAME = 7
export const TCA_BPF_FLAGS = 8
export const TCA_BPF_FLAG_ACT_DIRECT = 1
export const CLSACT_HANDLE = 0xffff0000

// include/uapi/linux/rtnetlink.h: groups
export const RTNLGRP_LINK = 1
export const RTNLGRP_TC = 4
export const RTNLGRP_IPV4_IFADDR = 5
export const RTNLGRP_IPV6_IFADDR = 9
export const RTNLGRP_IPV6_IFINFO = 12
export const RTNLGRP_NSID = 28

// include/uapi/linux/bpf.h: enum bpf_cmd
export const BPF_MAP_CREATE = 0
export const BPF_MAP_LOOKUP_ELEM = 1
export const BPF_MAP_UPDATE_ELEM = 2
export const BPF_PROG_LOAD = 5
export const BPF_PROG_GET_FD_BY_ID = 13
export const BPF_OBJ_GET_INFO_BY_FD = 15
export const BPF_PROG_QUERY = 16
export const BPF_LINK_CREATE = 28
export const BPF_LINK_UPDATE = 29

// include/uapi/linux/bpf.h: enum bpf_map_type, bpf_prog_type, bpf_attach_type
export const BPF_MAP_TYPE_ARRAY = 2
export const BPF_MAP_TYPE_PERCPU_ARRAY = 6
export const BPF_PROG_TYPE_SCHED_CLS = 3
export const BPF_TCX_INGRESS = 46
export const BPF_TCX_EGRESS = 47
/** Attaches a program before all programs that are attached already. */
export const BPF_F_BEFORE = 1 << 3

// include/uapi/linux/bpf.h: enum tcx_action_base, bpf_func_id
export const TCX_NEXT = -1
export const TCX_DROP = 2
export const BPF_FUNC_MAP_LOOKUP_ELEM = 1
export const BPF_FUNC_KTIME_GET_NS = 5
export const BPF_FUNC_REDIRECT = 23
/** bpf_redirect: the frame is received by the interface instead of transmitted. */
export const BPF_F_INGRESS = 1
/** The source register of ld_imm64 that means a map. */
export const BPF_PSEUDO_MAP_FD = 1
/** The source register of ld_imm64 that means an address in a map's value. */
export const BPF_PSEUDO_MAP_VALUE = 2

// include/uapi/linux/bpf.h: offsets in struct __sk_buff
export const SKB_LEN = 0
export const SKB_MARK = 8
export const SKB_VLAN_PRESENT = 20
export const SKB_VLAN_TCI = 24
export const SKB_VLAN_PROTO = 28

// include/linux/bpf_verifier.h
/** Logs refusals, but not each instruction: if the log is full, the kernel takes no program. */
export const BPF_LOG_STATS = 4

export type AddressFamily = typeof AF_INET | typeof AF_INET6
export { SIOCDEVPRIVATE } from '../netdev/if.ts'

/** A struct ifreq with ifr_name and ifr_flags. VnetError EINVAL if the name is too long. */
export function ifreq(name: string, flags = 0): Uint8Array {
  const bytes = encodeName(name)
  if (bytes.length >= IFNAMSIZ) {
    throw new VnetError(
      EINVAL,
      `interface name ${name}`,
      `a name has at most ${IFNAMSIZ - 1} bytes`,
    )
  }
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
