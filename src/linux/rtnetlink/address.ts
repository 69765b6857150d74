/** Protocol addresses of interfaces (RTM_NEWADDR, RTM_GETADDR). include/uapi/linux/if_addr.h. */
import * as netlink from '../../netlink/index.ts'
import { formatPrefix, type Prefix } from '../../packet/address.ts'
import * as uapi from '../uapi.ts'
import { getLink, nameOf } from './link.ts'
import type { RouteSocket } from './route-socket.ts'

export const IFA_F_NODAD = 0x02

/** An address of an interface, with its IFA_F_*. */
export type InterfaceAddress = Prefix & { readonly flags: number }

const addressPolicy = netlink.policy({
  address: netlink.binary(uapi.IFA_ADDRESS, 4, 16),
  local: netlink.binary(uapi.IFA_LOCAL, 4, 16),
  flags: netlink.u32(uapi.IFA_FLAGS),
})

const IFADDRMSG = 8

export const familyOf = (address: Uint8Array): uapi.AddressFamily =>
  address.length === 4 ? uapi.AF_INET : uapi.AF_INET6

function ifaddrmsg(family: number, prefixLen: number, ifindex: number): Uint8Array {
  const bytes = new Uint8Array(IFADDRMSG)
  bytes[0] = family
  bytes[1] = prefixLen
  netlink.putU32(bytes, 4, ifindex)
  return bytes
}

/**
 * Adds an address like `ip addr add`: the local address is also the prefix address, and no explicit
 * broadcast address is set (the kernel routes the network's as one anyway). `nodad` skips duplicate
 * address detection, so that an IPv6 address is usable immediately. Throws a VnetError, EEXIST if
 * the interface has the address.
 */
export function addAddress(
  sock: RouteSocket,
  ifindex: number,
  cidr: Prefix,
  { nodad = false } = {},
): void {
  const { bytes, prefixLen } = cidr
  const family = familyOf(bytes)
  sock.request({
    type: uapi.RTM_NEWADDR,
    flags: netlink.NLM_F_CREATE | netlink.NLM_F_EXCL,
    what: () => ['RTM_NEWADDR', `${formatPrefix(cidr)} on ${nameOf(sock, ifindex)}`],
    write: builder => {
      const message = ifaddrmsg(family, prefixLen, ifindex)
      builder.payload(message).binary(uapi.IFA_LOCAL, bytes).binary(uapi.IFA_ADDRESS, bytes)
      if (nodad && family === uapi.AF_INET6) {
        builder.u32(uapi.IFA_FLAGS, IFA_F_NODAD)
      }
    },
  })
}

/** An interface's addresses, the first `most`: if it has more, the socket cannot be used again. */
export function getAddresses(
  sock: RouteSocket,
  ifindex: number,
  most?: number,
): InterfaceAddress[] {
  const what = () => 'RTM_GETADDR'
  const write = (builder: netlink.MessageBuilder) => {
    builder.payload(ifaddrmsg(uapi.AF_UNSPEC, 0, ifindex))
    if (sock.target !== undefined) {
      builder.s32(uapi.IFA_TARGET_NETNSID, sock.target)
    }
  }
  const decode = (
    bytes: Uint8Array,
    { type, offset, length }: netlink.Message,
  ): InterfaceAddress | undefined => {
    if (type !== uapi.RTM_NEWADDR || length < IFADDRMSG) return undefined
    const family = bytes[offset]
    if (family !== uapi.AF_INET && family !== uapi.AF_INET6) return undefined
    // Checked before parsing: an old kernel returns the addresses of all interfaces.
    if (netlink.getU32(bytes, offset + 4) !== ifindex) return undefined
    const { address, local, flags } = netlink.decodeAttributes(
      addressPolicy,
      bytes,
      offset + IFADDRMSG,
      length - IFADDRMSG,
    )
    // On a point-to-point link IFA_ADDRESS is the peer's. IPv6 sends IFA_LOCAL only there.
    const own = local ?? address
    if (own === undefined) return undefined
    return { bytes: own.slice(), prefixLen: bytes[offset + 1], flags: flags ?? bytes[offset + 2] }
  }
  return sock.dump({ type: uapi.RTM_GETADDR, what, write }, decode, most)
}

/** The addresses of an interface, as `198.18.0.1/24`, without link-local ones. */
export function addressesOf(sock: RouteSocket, name: string): string[] {
  const link = getLink(sock, { name })
  const all = link === undefined ? [] : getAddresses(sock, link.ifindex)
  return all.map(formatPrefix).filter(cidr => !cidr.startsWith('fe80:'))
}
