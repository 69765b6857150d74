/** A generic netlink socket of a program, through a duplicate that the supervisor holds. */
import { fstatSync, readFileSync } from 'node:fs'
import { EADDRINUSE } from 'vnet'
import type { As } from 'vnet/kit/control'
import type { Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'
import type { OtherProcesses, ThreadStatus } from './other-process.ts'

/**
 * A program's socket during a trapped call. Whoever made the duplicate closes it after the call.
 */
export interface ProgramSocket {
  /** The supervisor's duplicate. */
  readonly fd: number
  /** The netlink port, to which replies are addressed. */
  readonly port: number
  /** The inode of its network namespace. */
  readonly netns: number
  /** Its inode, the same for all descriptors of the socket in all processes. */
  readonly inode: number
}

export const inodeOf = (fd: number): number => fstatSync(fd).ino

/** Returns the port of a netlink socket; 0 if it has none. */
export function portOf(native: Native, fd: number): number {
  const address = uapi.sockaddrNl()
  return native.getsockname(fd, address) < 0 ? 0 : netlink.getU32(address, 4)
}

/** Like portOf, but binds a socket without a port: to the process id, or else any other port. */
export function boundPortOf(native: Native, fd: number, process: number): number | undefined {
  const known = portOf(native, fd)
  if (known !== 0) return known
  if (native.bind(fd, uapi.sockaddrNl(process)) === -EADDRINUSE) {
    native.bind(fd, uapi.sockaddrNl())
  }
  return portOf(native, fd) || undefined
}

/** Whether O_NONBLOCK is set for the file that `fd` refers to. */
export function isNonBlocking(fd: number): boolean {
  const flags =
    /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/thread-self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0'
  return (Number.parseInt(flags, 8) & uapi.O_NONBLOCK) !== 0
}

/** Returns SO_RCVTIMEO in ms; 0 means without a limit. */
export function receiveTimeoutMs(native: Native, fd: number): number {
  const value = new Uint8Array(16)
  if (native.getsockopt(fd, uapi.SOL_SOCKET, uapi.SO_RCVTIMEO, value) < 0) return 0
  return Number(netlink.getU64(value, 0)) * 1000 + Number(netlink.getU64(value, 8)) / 1000
}

const ROOT = 0
/** A user with the right to read that owns nothing. */
const NOBODY: Requester = { uid: 65534, gid: 65534 }

/** Another user and group, as which the supervisor sends a request if it is root. */
export type Requester = As

/**
 * Returns the user of a thread: undefined if it is the supervisor's own; null if the thread has
 * ended, or has another user and the supervisor is not root. Root without CAP_NET_ADMIN counts as
 * user nobody. So does root in another user namespace, in which all users can be root.
 */
export function requesterOf(
  native: Native,
  processes: OtherProcesses,
  pid: number,
): Requester | undefined | null {
  const identity = processes.identity(pid)
  if (identity === undefined) return null
  const { euid: uid, egid: gid } = identity
  const own = process.geteuid?.()
  if (own !== ROOT) return uid === own ? undefined : null
  if (uid !== ROOT) return { uid, gid }
  return isAdmin(native, pid) && processes.isInOwnUserNamespace(pid) ? undefined : NOBODY
}

function isAdmin(native: Native, pid: number): boolean {
  const effective = new Uint8Array(8)
  if (native.capget(pid, effective) < 0) return false
  return (netlink.getU64(effective, 0) & (1n << BigInt(uapi.CAP_NET_ADMIN))) !== 0n
}

/**
 * Returns a function that opens a socket with the credentials of a thread, because the kernel
 * checks the rights of the opener. Undefined where that is impossible: the thread is in another
 * user namespace, or has other rights and the supervisor is not root.
 */
export function openerAs(
  native: Native,
  processes: OtherProcesses,
  pid: number,
): Native['socket'] | undefined {
  const status = processes.status(pid)
  const own = processes.status(process.pid)
  if (status === undefined || own === undefined || !processes.isInOwnUserNamespace(pid)) {
    return undefined
  }
  const key = (of: ThreadStatus) => `${of.euid} ${of.egid} ${of.groups} ${of.capabilities}`
  if (key(status) === key(own)) return native.socket
  if (own.euid !== ROOT) return undefined
  const { euid, egid, groups, capabilities } = status
  return (domain, type, protocol, nsfd) =>
    native.socketAs(domain, type, protocol, nsfd, euid, egid, Int32Array.from(groups), capabilities)
}
