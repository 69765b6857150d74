/**
 * Who may change something in a vnet: its owner, and root in its own user namespace with CAP_NET_ADMIN. All of it is what the
 * kernel says of the process that connected. Every user is root, with all capabilities, in a user namespace of his own, and
 * root in a container has a number and nothing else: so neither counts alone.
 */
import { readFileSync } from 'node:fs'
import { ENOPROTOOPT } from '../core/errno.ts'
import type { Native } from '../kernel/native.ts'
import { type Peer, peerPidfd } from './connection.ts'
import { startTime } from './directory.ts'

const ROOT = 0
const CAP_NET_ADMIN = 12n

/** Undefined for one who may; else what is missing. */
export type Missing = string | undefined

/** Reads the rights of those who connect. */
export class Rights {
  readonly #native: Native
  readonly #owners: ReadonlySet<number>
  readonly #uidMap = readFileSync('/proc/self/uid_map', 'utf8')

  /** `owners` are the user that the vnet runs as, and perhaps another; of root more is asked. */
  constructor(native: Native, owners: Iterable<number>) {
    this.#native = native
    this.#owners = new Set([...owners].filter(uid => uid !== ROOT))
  }

  /** What the peer of a connected socket lacks; read once, when it is accepted. */
  missing(fd: number, { uid, pid }: Peer): Missing {
    if (this.#owners.has(uid)) return undefined
    const owners = [...this.#owners].map(owner => ` and user ${owner}`).join('')
    if (uid !== ROOT) return `that is for root${owners}: you are user ${uid}`
    const missing = this.#missingOfRoot(fd, pid)
    return missing && `that is for root with CAP_NET_ADMIN in the user namespace of this vnet${owners}: ${missing}`
  }

  #missingOfRoot(fd: number, pid: number): Missing {
    const pidfd = peerPidfd(this.#native, fd)
    // A kernel before 6.5: the number alone, which is another's only if the time of its beginning changed.
    if (pidfd === -ENOPROTOOPT) return this.#missingOf(pid, began => began !== undefined && began === startTime(pid))
    // No descriptor left, or the process was reaped: its number may be another's by now.
    if (pidfd < 0) return 'your process has ended, or cannot be looked at'
    try {
      return this.#missingOf(pidOf(pidfd), () => this.#native.poll(pidfd) === 0)
    } finally {
      this.#native.close(pidfd)
    }
  }

  /** `isStill` says whether the process, which began at a time, is still the one that connected: asked after all is read. */
  #missingOf(pid: number, isStill: (began: string | undefined) => boolean): Missing {
    if (pid <= 0) return 'your process is in another pid namespace, has ended, or cannot be looked at'
    let status: string
    let uidMap: string
    const began = startTime(pid)
    try {
      status = readFileSync(`/proc/${pid}/status`, 'latin1')
      uidMap = readFileSync(`/proc/${pid}/uid_map`, 'utf8')
    } catch {
      return `/proc/${pid} cannot be read (hidepid?), so your capabilities are not known`
    }
    if (!isStill(began)) return 'your process has ended'
    if (uidMap !== this.#uidMap) return 'you are in another user namespace'
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
    return (BigInt(`0x${effective}`) & (1n << CAP_NET_ADMIN)) === 0n ? 'you do not have it' : undefined
  }
}

/** -1 when the process has ended, or there is no descriptor left to look; 0 is one in a pid namespace that is not visible from here. */
function pidOf(pidfd: number): number {
  try {
    const info = readFileSync(`/proc/thread-self/fdinfo/${pidfd}`, 'latin1')
    return Number(/^Pid:\s*(-?\d+)$/m.exec(info)?.[1] ?? -1)
  } catch {
    return -1
  }
}
