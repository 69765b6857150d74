/**
 * Access to other processes, identified by a thread id. Another thread may get the id when the
 * thread ends, so the caller checks after reading and before writing that the thread is the same.
 */
import { fstatSync, readdirSync, readFileSync, readlinkSync, statSync, writeSync } from 'node:fs'
import { attempt, EBADF, EFAULT, EINVAL, ENOENT, ENOTSOCK, EPERM, ESRCH } from 'vnet'
import { closeFd, closeFds, closing, type Native } from 'vnet/kit/linux'
import { netnsCookie, uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'

/** sizeof(struct pidfd_info), and places in it. */
const PIDFD_INFO_LEN = 64
const TGID_AT = 20
const EUID_AT = 36
const EGID_AT = 40
/** The number of recently used pidfds, and of namespaces, to keep. */
const KEPT = 64

type Identity = Pick<ThreadStatus, 'tgid' | 'euid' | 'egid'>

/** The status of a thread, as in proc(5). In sets of signals SIGHUP is the lowest bit. */
export interface ThreadStatus {
  readonly tgid: number
  readonly euid: number
  readonly egid: number
  /** One letter: R runs, S sleeps, D sleeps and only a fatal signal wakes it. */
  readonly state: string
  readonly groups: readonly number[]
  /** Effective capabilities. */
  readonly capabilities: bigint
  readonly pending: bigint
  /** Pending for any thread of the process. */
  readonly sharedPending: bigint
  readonly blocked: bigint
}

/**
 * The memory, descriptors, credentials and namespaces of threads, by thread id. It keeps up to KEPT
 * pidfds open until close().
 */
export class OtherProcesses {
  readonly #native: Native
  /** Process descriptors by thread id, the most recently opened last. */
  readonly #pidfds = new Map<number, number>()
  /** The inode of a namespace by its cookie, which is never reused. */
  readonly #namespaces = new Map<bigint, number>()
  #userns: number | undefined
  /** The memory that write() writes to, while inMemoryOf() runs. */
  #memory: number | undefined
  readonly #linkOf: typeof procLink
  readonly #home: { readonly cookie: bigint | undefined; readonly inode: number }

  /** `home` is a socket in our namespace, and its inode. `linkOf` returns a descriptor's target. */
  constructor(
    native: Native,
    home: { readonly fd: number; readonly inode: number },
    linkOf = procLink,
  ) {
    this.#native = native
    this.#linkOf = linkOf
    this.#home = { cookie: netnsCookie(this.#native, home.fd), inode: home.inode }
  }

  /** Calls `fn` with descriptor(); undefined without such a socket, or without permission. */
  withDescriptor<T>(pid: number, fd: number, fn: (fd: number) => T): T | undefined {
    const ours = this.descriptor(pid, fd)
    return ours < 0 ? undefined : closing(this.#native, ours, fn)
  }

  /**
   * Returns our own descriptor of the socket that is `fd` in thread `pid`, which the caller closes,
   * or -errno. Other files are refused with -ENOTSOCK: closing one may wait for its file system,
   * which can be another program's.
   */
  descriptor(pid: number, fd: number): number {
    const link = this.#linkOf(pid, fd)
    if (typeof link === 'number') return link
    if (!link.startsWith('socket:')) return -ENOTSOCK
    return this.#onPidfd(pid, pidfd => this.#native.pidfdGetfd(pidfd, fd))
  }

  /** Whether the thread has no descriptor of this number; true if it has ended, too. */
  isFree(pid: number, fd: number): boolean {
    return this.#linkOf(pid, fd) === -EBADF
  }

  /**
   * Reads memory until `into` is full and returns 0, or -errno: -EFAULT if part of it is not
   * mapped.
   */
  read(pid: number, address: bigint, into: Uint8Array): number {
    if (into.length === 0) return 0
    const bytes = this.#native.processVmReadv(pid, address, into)
    if (bytes < 0) return bytes
    return bytes === into.length ? 0 : -EFAULT
  }

  /**
   * Calls `fn`, which may write() to the memory that thread `pid` has now, even if the thread
   * executes another program in the meantime. Returns undefined without a call of `fn` if the
   * memory cannot be opened, or if `isStill` returns false once it is open.
   */
  inMemoryOf<T>(pid: number, isStill: () => boolean, fn: () => T): T | undefined {
    const memory = this.#native.open(`/proc/${pid}/mem`, uapi.O_RDWR, -1)
    if (memory < 0) return undefined
    return closing(this.#native, memory, () => {
      try {
        if (!isStill()) return undefined
        this.#memory = memory
        return fn()
      } finally {
        this.#memory = undefined
      }
    })
  }

  /** Writes `from` to the memory opened by inMemoryOf(); -EFAULT if part of it is not writable. */
  write(address: bigint, from: Uint8Array): number {
    if (from.length === 0) return 0
    const memory = this.#memory
    if (memory === undefined || address > BigInt(Number.MAX_SAFE_INTEGER)) return -EFAULT
    const written = attempt(() => writeSync(memory, from, 0, from.length, Number(address)))
    return written === from.length ? 0 : -EFAULT
  }

  /**
   * Returns the process and the effective user and group of a thread; undefined if it has ended.
   */
  identity(pid: number): Identity | undefined {
    const info = new Uint8Array(PIDFD_INFO_LEN)
    netlink.putU32(info, 0, uapi.PIDFD_INFO_CREDS)
    if (this.#onPidfd(pid, pidfd => this.#native.ioctl(pidfd, uapi.PIDFD_GET_INFO, info)) < 0) {
      return this.status(pid)
    }
    return {
      tgid: netlink.getU32(info, TGID_AT),
      euid: netlink.getU32(info, EUID_AT),
      egid: netlink.getU32(info, EGID_AT),
    }
  }

  /** Returns the status of a thread from /proc; undefined if it has ended. */
  status(pid: number): ThreadStatus | undefined {
    const status = attempt(() => readFileSync(`/proc/${pid}/status`, 'latin1'))
    if (status === undefined) return undefined
    const fields = new Map(status.split('\n').map(line => line.split(':\t') as [string, string]))
    const words = (name: string) => (fields.get(name) ?? '').trim().split(/\s+/).filter(Boolean)
    const bits = (name: string) => BigInt(`0x${words(name)[0] ?? '0'}`)
    return {
      tgid: Number(words('Tgid')[0]),
      state: words('State')[0] ?? '',
      euid: Number(words('Uid')[1]),
      egid: Number(words('Gid')[1]),
      groups: words('Groups').map(Number),
      capabilities: bits('CapEff'),
      pending: bits('SigPnd'),
      sharedPending: bits('ShdPnd'),
      blocked: bits('SigBlk'),
    }
  }

  /** Whether another thread of its process has stopped, which a stop signal does to all of them. */
  isStopping(pid: number): boolean {
    const tasks = attempt(() => readdirSync(`/proc/${pid}/task`)) ?? []
    return tasks.some(task => this.status(Number(task))?.state === 'T')
  }

  /** Whether a thread is in our own user namespace; false without permission to look. */
  isInOwnUserNamespace(pid: number): boolean {
    this.#userns ??= attempt(() => statSync('/proc/thread-self/ns/user').ino)
    const userns = attempt(() => statSync(`/proc/${pid}/ns/user`).ino)
    return userns !== undefined && userns === this.#userns
  }

  /** The inode of a socket's network namespace; undefined for other files or if not permitted. */
  namespaceOf(socket: number): number | undefined {
    const cookie = netnsCookie(this.#native, socket)
    if (cookie === undefined) return undefined
    if (cookie === this.#home.cookie) return this.#home.inode
    const inode = this.#namespaces.get(cookie) ?? this.#inode(socket)
    if (inode === undefined) return undefined
    if (this.#namespaces.size >= KEPT) {
      this.#namespaces.clear()
    }
    this.#namespaces.set(cookie, inode)
    return inode
  }

  /** Calls `fn` with the thread's network namespace, -1 for ours; undefined without permission. */
  inNamespaceOf<T>(pid: number, fn: (nsfd: number) => T): T | undefined {
    const nsfd = this.#native.open(`/proc/${pid}/ns/net`, uapi.O_RDONLY, -1)
    if (nsfd < 0) return undefined
    return closing(this.#native, nsfd, () =>
      fn(fstatSync(nsfd).ino === this.#home.inode ? -1 : nsfd),
    )
  }

  /** Closes the kept pidfds. */
  close(): void {
    closeFds(this.#native, this.#pidfds.values())
    this.#pidfds.clear()
  }

  /** Takes CAP_NET_ADMIN in that namespace. */
  #inode(socket: number): number | undefined {
    const nsfd = this.#native.ioctl(socket, uapi.SIOCGSKNS, 0)
    return nsfd < 0 ? undefined : closing(this.#native, nsfd, () => fstatSync(nsfd).ino)
  }

  /** Calls `fn` with a pidfd of the thread, or a new one if the kept one is stale (-ESRCH). */
  #onPidfd(pid: number, fn: (pidfd: number) => number): number {
    const known = this.#pidfds.get(pid)
    if (known !== undefined) {
      const result = fn(known)
      if (result !== -ESRCH) return result
      this.#forget(pid, known)
    }
    const pidfd = this.#open(pid)
    if (pidfd < 0) return pidfd
    const [oldest] = this.#pidfds
    if (oldest !== undefined && this.#pidfds.size >= KEPT) {
      this.#forget(...oldest)
    }
    this.#pidfds.set(pid, pidfd)
    return fn(pidfd)
  }

  #open(pid: number): number {
    const pidfd = this.#native.pidfdOpen(pid, uapi.PIDFD_THREAD)
    if (pidfd !== -EINVAL) return pidfd
    const tgid = this.status(pid)?.tgid
    return tgid === undefined ? -ENOENT : this.#native.pidfdOpen(tgid, 0)
  }

  #forget(pid: number, pidfd: number): void {
    this.#pidfds.delete(pid)
    closeFd(this.#native, pidfd)
  }
}

/** The target of a thread's descriptor (proc(5)), without a file system query; -EBADF or -EPERM. */
function procLink(pid: number, fd: number): string | number {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? -EBADF : -EPERM
  }
}
