/** Identifies a socket from its descriptor: family, protocol, network namespace. */
import { getU32, getU64 } from '../netlink/index.ts'
import type { Native } from './native.ts'
import { AF_NETLINK, AF_UNIX, NETLINK_GENERIC, SOCK_DGRAM, SOL_SOCKET } from './uapi.ts'

// include/uapi/asm-generic/socket.h
export const SO_PROTOCOL = 38
export const SO_DOMAIN = 39
export const SO_NETNS_COOKIE = 71

/** Whether `fd` is a generic netlink socket. */
export function isGeneric(native: Native, fd: number): boolean {
  return option32(native, fd, SO_DOMAIN) === AF_NETLINK && option32(native, fd, SO_PROTOCOL) === NETLINK_GENERIC
}

/** The cookie of the socket's namespace, which is never reused; undefined before Linux 5.14. */
export function netnsCookie(native: Native, fd: number): bigint | undefined {
  const value = new Uint8Array(8)
  return native.getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, value) < 0 ? undefined : getU64(value, 0)
}

/** The same for a namespace (-1: our own); also undefined without permission to enter it. */
export function netnsCookieOf(native: Native, nsfd = -1): number | undefined {
  const fd = native.socket(AF_UNIX, SOCK_DGRAM, 0, nsfd)
  if (fd < 0) return undefined
  const cookie = netnsCookie(native, fd)
  native.close(fd)
  return cookie === undefined ? undefined : Number(cookie)
}

function option32(native: Native, fd: number, name: number): number | undefined {
  const value = new Uint8Array(4)
  return native.getsockopt(fd, SOL_SOCKET, name, value) < 0 ? undefined : getU32(value, 0)
}
