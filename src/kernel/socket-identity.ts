/** What a socket is, of which only a descriptor is known, and where. */
import { getU32, getU64 } from '../netlink/index.ts'
import type { Native } from './native.ts'
import { AF_NETLINK, NETLINK_GENERIC, SO_DOMAIN, SO_NETNS_COOKIE, SO_PROTOCOL, SOL_SOCKET } from './uapi.ts'

/** Whether it is a generic netlink socket. */
export function isGeneric(native: Native, fd: number): boolean {
  return option32(native, fd, SO_DOMAIN) === AF_NETLINK && option32(native, fd, SO_PROTOCOL) === NETLINK_GENERIC
}

/** Of its network namespace, which anybody may ask; undefined where the kernel has none. */
export function netnsCookie(native: Native, fd: number): bigint | undefined {
  const value = new Uint8Array(8)
  return native.getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, value) < 0 ? undefined : getU64(value, 0)
}

function option32(native: Native, fd: number, name: number): number | undefined {
  const value = new Uint8Array(4)
  return native.getsockopt(fd, SOL_SOCKET, name, value) < 0 ? undefined : getU32(value, 0)
}
