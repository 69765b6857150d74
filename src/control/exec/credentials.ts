/** In whose name vnets are asked for a program, and whose a socket is that the supervisor makes for it. */
import type { Native } from '../../kernel/native.ts'
import type { OtherProcesses, ThreadStatus } from '../../kernel/other-process.ts'
import { CAP_NET_ADMIN } from '../../kernel/uapi.ts'
import { getU64 } from '../../netlink/index.ts'

const ROOT = 0
/** May look, and owns nothing. */
const NOBODY: Asker = { uid: 65534, gid: 65534 }

/** The user that a vnet takes for the requester; the supervisor itself when undefined. */
export interface Asker {
  readonly uid: number
  readonly gid: number
}

/**
 * The user of a thread, undefined where that is ours; null when the thread is gone, or has another user and we are not root. Root
 * without CAP_NET_ADMIN, or in another user namespace, where every user can be root, does not act as root: it is nobody.
 */
export function askerOf(native: Native, processes: OtherProcesses, pid: number): Asker | undefined | null {
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
 * How to open a socket that has the credentials of a thread, by which the kernel decides later what may be done with it.
 * Undefined where that is not possible: the thread is in another user namespace, or has other rights and we are not root.
 */
export function openerAs(native: Native, processes: OtherProcesses, pid: number): Native['socket'] | undefined {
  const status = processes.status(pid)
  const own = processes.status(process.pid)
  if (status === undefined || own === undefined || !processes.isInOwnUserNamespace(pid)) return undefined
  if (isSame(status, own)) return native.socket
  if (own.euid !== ROOT) return undefined
  const { euid, egid, groups, capabilities } = status
  return (domain, type, protocol, nsfd) =>
    native.socketAs(domain, type, protocol, nsfd, euid, egid, Int32Array.from(groups), capabilities)
}

function isSame(one: ThreadStatus, other: ThreadStatus): boolean {
  const key = ({ euid, egid, groups, capabilities }: ThreadStatus) => `${euid} ${egid} ${groups} ${capabilities}`
  return key(one) === key(other)
}
