/** Identifies the network namespace of a socket from its descriptor. */
import { getU64 } from '../netlink/index.ts'
import { closeFd } from './errno.ts'
import type { Native } from './native.ts'
import * as uapi from './uapi.ts'

/** The cookie of the socket's namespace, which is never reused; undefined before Linux 5.14. */
export function netnsCookie(native: Native, fd: number): bigint | undefined {
  const value = new Uint8Array(8)
  return native.getsockopt(fd, uapi.SOL_SOCKET, uapi.SO_NETNS_COOKIE, value) < 0
    ? undefined
    : getU64(value, 0)
}

/** The same for a namespace (-1: our own); also undefined without permission to enter it. */
export function netnsCookieOf(native: Native, nsfd = -1): number | undefined {
  const fd = native.socket(uapi.AF_UNIX, uapi.SOCK_DGRAM, 0, nsfd)
  if (fd < 0) return undefined
  const cookie = netnsCookie(native, fd)
  closeFd(native, fd)
  return cookie === undefined ? undefined : Number(cookie)
}
