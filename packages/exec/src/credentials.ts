/** Whose rights a program's requests have, and the sockets that the supervisor opens for it. */
import type { As } from 'vnet/internal/control/protocol/connection'
import type { Native } from 'vnet/internal/linux/native'
import { CAP_NET_ADMIN } from 'vnet/internal/linux/uapi'
import { getU64 } from 'vnet/internal/netlink/index'
import type { OtherProcesses, ThreadStatus } from './other-process.ts'

const ROOT = 0
/** A user with the right to read that owns nothing. */
const NOBODY: Requester = { uid: 65534, gid: 65534 }

export type Requester = As

/**
 * Returns the user of a thread: undefined if it is the supervisor's own; null if the thread has
 * ended, or has another user and the supervisor is not root. Root without CAP_NET_ADMIN counts as
 * user nobody. So does root in another user namespace, in which all users can be root.
 */
export function requesterOf(native: Native, processes: OtherProcesses, pid: number): Requester | undefined | null {
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
  return (getU64(effective, 0) & (1n << BigInt(CAP_NET_ADMIN))) !== 0n
}

/**
 * Returns a function that opens a socket with the credentials of a thread, because the kernel
 * checks the rights of the opener. Undefined where that is impossible: the thread is in another
 * user namespace, or has other rights and the supervisor is not root.
 */
export function openerAs(native: Native, processes: OtherProcesses, pid: number): Native['socket'] | undefined {
  const status = processes.status(pid)
  const own = processes.status(process.pid)
  if (status === undefined || own === undefined || !processes.isInOwnUserNamespace(pid)) return undefined
  const key = ({ euid, egid, groups, capabilities }: ThreadStatus) => `${euid} ${egid} ${groups} ${capabilities}`
  if (key(status) === key(own)) return native.socket
  if (own.euid !== ROOT) return undefined
  const { euid, egid, groups, capabilities } = status
  return (domain, type, protocol, nsfd) =>
    native.socketAs(domain, type, protocol, nsfd, euid, egid, Int32Array.from(groups), capabilities)
}
