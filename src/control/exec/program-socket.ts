/** A generic netlink socket of a program's, of which we hold a descriptor: what it is, where it is, and whether there is room in it. */
import { EADDRINUSE } from '../../core/errno.ts'
import type { Native } from '../../kernel/native.ts'
import { SO_MEMINFO, SOL_SOCKET, sockaddrNl } from '../../kernel/uapi.ts'
import { getU32 } from '../../netlink/index.ts'

export interface ProgramSocket {
  /** Ours. */
  readonly fd: number
  /** Its netlink port. */
  readonly port: number
  /** Inode of its network namespace. */
  readonly netns: number
}

/** A netlink socket's port; 0 when it has none. */
export function portOf(native: Native, fd: number): number {
  const address = sockaddrNl()
  return native.getsockname(fd, address) < 0 ? 0 : getU32(address, 4)
}

/** The same. It gets one now if it has none, and the kernel's choice for it would be its process's number. */
export function boundPortOf(native: Native, fd: number, process: number): number | undefined {
  const known = portOf(native, fd)
  if (known !== 0) return known
  if (native.bind(fd, sockaddrNl(process)) === -EADDRINUSE) native.bind(fd, sockaddrNl())
  return portOf(native, fd) || undefined
}

/** Whether all of these datagrams can wait in its queue together. */
export function hasRoom(native: Native, fd: number, datagrams: readonly Uint8Array[]): boolean {
  // SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_RCVBUF
  const meminfo = new Uint8Array(8)
  if (native.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, meminfo) < 0) return false
  const octets = datagrams.reduce((n, { length }) => n + queued(length), 0)
  return getU32(meminfo, 0) + octets <= getU32(meminfo, 4)
}

/** What a datagram takes of a receive buffer at most: it is copied into memory of the next size, with what the kernel keeps of it. */
function queued(length: number): number {
  return 2 * length + 1024
}
