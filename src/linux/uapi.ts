/**
 * The constants of the kernel's user API (uapi.constants), and encoders for the structs that go
 * with them. x86_64 and aarch64 are both little-endian. Structs are in host byte order except where
 * noted.
 */
import { EINVAL, VnetError } from '../base/errno.ts'
import { IFNAMSIZ, IFREQ_LEN } from '../netdev/if.ts'
import { getU16, putU16, putU32 } from '../netlink/host-order.ts'
import { decodeName, encodeName } from '../netlink/name.ts'
import { AF_INET, AF_INET6, AF_NETLINK, AF_UNIX } from './uapi.generated.ts'

export * from './uapi.generated.ts'
export type AddressFamily = typeof AF_INET | typeof AF_INET6
export { SIOCDEVPRIVATE } from '../netdev/if.ts'

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
