/** A generic netlink socket of a program, of which we hold a descriptor: what it is, where it is, and how it receives. */
import { fstatSync, readFileSync } from 'node:fs'
import { EADDRINUSE } from '../../core/errno.ts'
import type { Native } from '../../kernel/native.ts'
import { O_NONBLOCK, SO_RCVTIMEO, SOL_SOCKET, sockaddrNl } from '../../kernel/uapi.ts'
import { getU32, getU64 } from '../../netlink/index.ts'

export interface ProgramSocket {
  /** Ours. */
  readonly fd: number
  /** Its netlink port. */
  readonly port: number
  /** Inode of its network namespace. */
  readonly netns: number
  /** Its own inode, by which all that have it, in whatever process, mean the same socket. */
  readonly inode: number
}

export function inodeOf(fd: number): number {
  return fstatSync(fd).ino
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

/** Whether calls on it do not wait (O_NONBLOCK). */
export function isNonBlocking(fd: number): boolean {
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/thread-self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0'
  return (Number.parseInt(flags, 8) & O_NONBLOCK) !== 0
}

/** SO_RCVTIMEO; 0 is no end. */
export function receiveTimeoutMs(native: Native, fd: number): number {
  // A struct timeval.
  const value = new Uint8Array(16)
  if (native.getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, value) < 0) return 0
  return Number(getU64(value, 0)) * 1000 + Number(getU64(value, 8)) / 1000
}
