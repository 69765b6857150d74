/**
 * Protocol addresses of interfaces by rtnetlink (RTM_NEWADDR, RTM_GETADDR). include/uapi/linux/if_addr.h.
 */
import {
  binary,
  decodeAttributes,
  getU32,
  type MessageBuilder,
  NLM_F_CREATE,
  NLM_F_EXCL,
  policy,
  putU32,
  u32,
} from '../../netlink/index.ts'
import { type Cidr, formatCidr } from '../cidr.ts'
import { AF_INET, AF_INET6 } from '../uapi.ts'
import { nameOf } from './link.ts'
import type { RouteSocket } from './route-socket.ts'
import {
  AF_UNSPEC,
  IFA_ADDRESS,
  IFA_F_NODAD,
  IFA_FLAGS,
  IFA_LOCAL,
  IFA_TARGET_NETNSID,
  RTM_GETADDR,
  RTM_NEWADDR,
} from './uapi.ts'

/** An address of an interface. */
export interface InterfaceAddress extends Cidr {
  readonly ifindex: number
  /** IFA_F_* */
  readonly flags: number
  /** RT_SCOPE_* */
  readonly scope: number
}

const addressPolicy = policy({
  address: binary(IFA_ADDRESS, 4, 16),
  local: binary(IFA_LOCAL, 4, 16),
  flags: u32(IFA_FLAGS),
})

const IFADDRMSG = 8

function ifaddrmsg(family: number, prefixLen: number, ifindex: number): Uint8Array {
  const octets = new Uint8Array(IFADDRMSG)
  octets[0] = family
  octets[1] = prefixLen
  putU32(octets, 4, ifindex)
  return octets
}

/**
 * Adds an address as `ip addr add` does: local and prefix address alike, no broadcast address of its own (the kernel
 * routes the network's as one all the same). `nodad` leaves out duplicate address detection, so that an IPv6 address
 * answers at once. VnetError EEXIST when the interface has it already.
 */
export function addAddress(sock: RouteSocket, ifindex: number, cidr: Cidr, { nodad = false } = {}): void {
  const { family, bytes, prefixLen } = cidr
  sock.request({
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    what: () => `RTM_NEWADDR ${formatCidr(cidr)} on ${nameOf(sock, ifindex)}`,
    write: builder => {
      builder
        .payload(ifaddrmsg(family, prefixLen, ifindex))
        .binary(IFA_LOCAL, bytes)
        .binary(IFA_ADDRESS, bytes)
      if (nodad && family === AF_INET6) builder.u32(IFA_FLAGS, IFA_F_NODAD)
    },
  })
}

/** The IPv4 and IPv6 addresses of an interface, or of all in the socket's namespace. */
export function getAddresses(sock: RouteSocket, ifindex?: number): InterfaceAddress[] {
  const what = () => 'RTM_GETADDR'
  const write = (builder: MessageBuilder) => {
    builder.payload(ifaddrmsg(AF_UNSPEC, 0, ifindex ?? 0))
    if (sock.target !== undefined) builder.s32(IFA_TARGET_NETNSID, sock.target)
  }
  return sock.dump({ type: RTM_GETADDR, what, write }, (bytes, { type, offset, length }) => {
    if (type !== RTM_NEWADDR || length < IFADDRMSG) return undefined
    const family = bytes[offset]
    if (family !== AF_INET && family !== AF_INET6) return undefined
    const index = getU32(bytes, offset + 4)
    // before it is parsed: an old kernel gives those of all interfaces, which may be many
    if (ifindex !== undefined && index !== ifindex) return undefined
    const { address, local, flags } = decodeAttributes(addressPolicy, bytes, offset + IFADDRMSG, length - IFADDRMSG)
    // IFA_ADDRESS is the peer's on a point-to-point link; IPv6 sends IFA_LOCAL only there
    const own = local ?? address
    if (own === undefined) return undefined
    return {
      family,
      bytes: own.slice(),
      prefixLen: bytes[offset + 1],
      ifindex: index,
      flags: flags ?? bytes[offset + 2],
      scope: bytes[offset + 3],
    }
  })
}
