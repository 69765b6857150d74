/** Whether a descriptor of a program is a socket of generic netlink. */
import type { Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'

/** Whether `fd` is a generic netlink socket. */
export function isGeneric(native: Native, fd: number): boolean {
  return (
    option32(native, fd, uapi.SO_DOMAIN) === uapi.AF_NETLINK &&
    option32(native, fd, uapi.SO_PROTOCOL) === uapi.NETLINK_GENERIC
  )
}

function option32(native: Native, fd: number, name: number): number | undefined {
  const value = new Uint8Array(4)
  return native.getsockopt(fd, uapi.SOL_SOCKET, name, value) < 0
    ? undefined
    : netlink.getU32(value, 0)
}
