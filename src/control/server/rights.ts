/**
 * The clients that may change something in a vnet: its owner, and root with CAP_NET_ADMIN in the
 * user namespace of the vnet. The kernel vouches for both, about the process that connected. The
 * uid 0 alone proves nothing, because root in a container may lack the capability. The capability
 * alone proves nothing either, because every user has it in their own user namespaces.
 *
 * The same clients may capture frames, and so may the members of a group that the vnet names.
 */
import { readFileSync } from 'node:fs'
import { attempt, ENOPROTOOPT, ERANGE } from '../../base/errno.ts'
import { closing, type Native, OVERFLOW_GID, SO_PEERGROUPS, SOL_SOCKET } from '../../linux/index.ts'
import { getU32 } from '../../netlink/index.ts'
import { type Peer, peerPidfd } from '../sockets/connection.ts'
import { startTime } from '../sockets/directory.ts'

const ROOT = 0
const CAP_NET_ADMIN = 12n
/** sizeof(gid_t) */
const GID_LEN = 4

// Groups of a process: usually few, at most NGROUPS_MAX (include/uapi/linux/limits.h).
const FEW_GROUPS = 64
const NGROUPS_MAX = 65536

/** The right that a client lacks, in a few words; undefined if it lacks none. */
export type Missing = string | undefined

export class Rights {
  readonly #native: Native
  readonly #owners: ReadonlySet<number>
  readonly #captureGroup: number | undefined
  readonly #uidMap = readFileSync('/proc/self/uid_map', 'utf8')

  /** `owners` may change everything, root only with the capability; `captureGroup` may capture. */
  constructor(native: Native, owners: Iterable<number>, captureGroup?: number) {
    this.#native = native
    this.#owners = new Set([...owners].filter(uid => uid !== ROOT))
    this.#captureGroup = captureGroup
  }

  /** Returns the right that the peer of a socket lacks; called once, when it is accepted. */
  missing(fd: number, { uid, pid }: Peer): Missing {
    if (this.#owners.has(uid)) return undefined
    const owners = [...this.#owners].map(owner => ` and user ${owner}`).join('')
    if (uid !== ROOT) return `only root${owners} may do this: you are user ${uid}`
    const missing = this.#missingOfRoot(fd, pid)
    return (
      missing &&
      `only root with CAP_NET_ADMIN in the user namespace of this vnet${owners} may do this: ${missing}`
    )
  }

  /** Returns the right that the peer lacks to capture; `missing` is the one for a change. */
  missingToCapture(fd: number, { uid, gid }: Peer, missing: Missing): Missing {
    const group = this.#captureGroup
    if (missing === undefined || (group !== undefined && isMember(this.#native, fd, gid, group))) {
      return undefined
    }
    // Its number alone is not why.
    if (uid === ROOT) return missing
    const owners = [...this.#owners].map(owner => `, user ${owner}`).join('')
    return group === undefined
      ? `only root${owners} may capture, and you are user ${uid}; start the vnet with --capture-group to let a group`
      : `only root${owners} and members of group ${group} may capture, and you are user ${uid}; log in again after joining`
  }

  #missingOfRoot(fd: number, pid: number): Missing {
    const pidfd = peerPidfd(this.#native, fd)
    // Before Linux 6.5 there is only the pid. A process with the same start time is the same one.
    if (pidfd === -ENOPROTOOPT) {
      return this.#missingOf(pid, began => began !== undefined && began === startTime(pid))
    }
    // No descriptor is left, or the process was reaped and its pid may be used again.
    if (pidfd < 0) return 'your process has ended, or cannot be looked at'
    return closing(this.#native, pidfd, () =>
      this.#missingOf(pidOf(pidfd), () => this.#native.poll(pidfd) === 0),
    )
  }

  /** `isStill` returns whether the pid still belongs to the process. It is called last. */
  #missingOf(pid: number, isStill: (began: string | undefined) => boolean): Missing {
    if (pid <= 0) {
      return 'your process is in another pid namespace, has ended, or cannot be looked at'
    }
    const began = startTime(pid)
    const status = attempt(() => readFileSync(`/proc/${pid}/status`, 'latin1'))
    const uidMap = attempt(() => readFileSync(`/proc/${pid}/uid_map`, 'utf8'))
    if (status === undefined || uidMap === undefined) {
      return `/proc/${pid} cannot be read (hidepid?), so your capabilities are not known`
    }
    if (!isStill(began)) return 'your process has ended'
    if (uidMap !== this.#uidMap) return 'you are in another user namespace'
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
    return (BigInt(`0x${effective}`) & (1n << CAP_NET_ADMIN)) === 0n
      ? 'you do not have it'
      : undefined
  }
}

/** Returns -1 if the process has ended, 0 if its pid namespace is not visible. */
function pidOf(pidfd: number): number {
  const info = attempt(() => readFileSync(`/proc/thread-self/fdinfo/${pidfd}`, 'latin1')) ?? ''
  return Number(/^Pid:\s*(-?\d+)$/m.exec(info)?.[1] ?? -1)
}

/** True if the peer is in a group by its effective or a supplementary gid. */
export function isMember(native: Native, fd: number, gid: number, group: number): boolean {
  // Any group outside of this user namespace appears as this one.
  if (group === OVERFLOW_GID) return false
  if (gid === group) return true
  let gids = new Uint8Array(FEW_GROUPS * GID_LEN)
  let length = native.getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids)
  if (length === -ERANGE) {
    gids = new Uint8Array(NGROUPS_MAX * GID_LEN)
    length = native.getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids)
  }
  for (let at = 0; at + GID_LEN <= length; at += GID_LEN) {
    if (getU32(gids, at) === group) {
      return true
    }
  }
  return false
}
