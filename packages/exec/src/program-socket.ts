/** A generic netlink socket of a program, through a duplicate that the supervisor holds. */
import { fstatSync, readFileSync } from 'node:fs'
import { EADDRINUSE } from 'vnet/internal/base/errno'
import type { Native } from 'vnet/internal/linux/native'
import { O_NONBLOCK, SO_RCVTIMEO, SOL_SOCKET, sockaddrNl } from 'vnet/internal/linux/uapi'
import { getU32, getU64 } from 'vnet/internal/netlink/index'

export interface ProgramSocket {
  readonly fd: number
  readonly port: number
  readonly netns: number
  /** Its inode, the same for all descriptors of the socket in all processes. */
  readonly inode: number
}

export function inodeOf(fd: number): number {
  return fstatSync(fd).ino
}

/** Returns the port of a netlink socket; 0 if it has none. */
export function portOf(native: Native, fd: number): number {
  const address = sockaddrNl()
  return native.getsockname(fd, address) < 0 ? 0 : getU32(address, 4)
}

/** Like portOf, but binds a socket without a port: to the process id, or else any other port. */
export function boundPortOf(native: Native, fd: number, process: number): number | undefined {
  const known = portOf(native, fd)
  if (known !== 0) return known
  if (native.bind(fd, sockaddrNl(process)) === -EADDRINUSE) native.bind(fd, sockaddrNl())
  return portOf(native, fd) || undefined
}

export function isNonBlocking(fd: number): boolean {
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/thread-self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0'
  return (Number.parseInt(flags, 8) & O_NONBLOCK) !== 0
}

/** Returns SO_RCVTIMEO in ms; 0 means without a limit. */
export function receiveTimeoutMs(native: Native, fd: number): number {
  const value = new Uint8Array(16)
  if (native.getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, value) < 0) return 0
  return Number(getU64(value, 0)) * 1000 + Number(getU64(value, 8)) / 1000
}
