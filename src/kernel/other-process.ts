/**
 * Other processes: their memory, their descriptors, whose rights they have. A number is a thread's and may become another's
 * when that ends: who goes by a number makes sure, after reading and before writing, that it still is who it was.
 */
import { fstatSync, readFileSync, readlinkSync, statSync, writeSync } from 'node:fs'
import { EBADF, EFAULT, EINVAL, ENOENT, ENOTSOCK, EPERM, ESRCH } from '../core/errno.ts'
import type { Native } from './native.ts'
import { netnsCookie } from './socket-identity.ts'
import { O_RDONLY, O_RDWR } from './uapi.ts'

/** A thread, not only a process's first one. Linux 6.9. */
const PIDFD_THREAD = 0x80
/** struct pidfd_info of include/uapi/linux/pidfd.h, Linux 6.13. */
const PIDFD_GET_INFO = 0xc040ff0b
const PIDFD_INFO_LEN = 64
const PIDFD_INFO_CREDS = 2
const TGID_AT = 20
const EUID_AT = 36
const EGID_AT = 40
/** Answers a descriptor of the network namespace that a socket is in. */
const SIOCGSKNS = 0x894c
/** Descriptors kept for processes that asked last. */
const KEPT = 64

/** Whose rights a process has, and its own number. */
export interface Identity {
  readonly tgid: number
  readonly euid: number
  readonly egid: number
}

/** What proc(5) says of a thread: its rights, and its signals as bits, SIGHUP the lowest. */
export interface ThreadStatus extends Identity {
  /** A letter: R runs, S sleeps, D sleeps and is woken by a fatal signal only. */
  readonly state: string
  readonly groups: readonly number[]
  /** Effective capabilities. */
  readonly capabilities: bigint
  readonly pending: bigint
  /** For any thread of the process. */
  readonly sharedPending: bigint
  readonly blocked: bigint
}

export class OtherProcesses {
  readonly #native: Native
  /** By number of the thread, the one that asked last at the end. */
  readonly #pidfds = new Map<number, number>()
  /** Inode of a namespace by its cookie, which is never used again. */
  readonly #namespaces = new Map<bigint, number>()
  #userns: number | undefined
  /** While `inMemoryOf` runs: the memory that write() goes to. */
  #memory: number | undefined
  readonly #linkOf: typeof procLink
  readonly #home: { readonly cookie: bigint | undefined; readonly inode: number }

  /** `home` is a socket in our own namespace, of this inode; `linkOf` says what a descriptor of a thread refers to. */
  constructor(native: Native, home: { readonly fd: number; readonly inode: number }, linkOf = procLink) {
    this.#native = native
    this.#linkOf = linkOf
    this.#home = { cookie: netnsCookie(this.#native, home.fd), inode: home.inode }
  }

  /** Calls `fn` with a descriptor of our own for the socket that is `fd` in thread `pid`; undefined when there is none, or no right to it. */
  withDescriptor<T>(pid: number, fd: number, fn: (fd: number) => T): T | undefined {
    const ours = this.descriptor(pid, fd)
    if (ours < 0) return undefined
    try {
      return fn(ours)
    } finally {
      this.#native.close(ours)
    }
  }

  /**
   * A descriptor of our own, the caller's to close, for the socket that is `fd` in thread `pid`; or -errno. Only for a socket:
   * to close anything else may wait for its file system, which can be a program's own.
   */
  descriptor(pid: number, fd: number): number {
    const link = this.#linkOf(pid, fd)
    if (typeof link === 'number') return link
    if (!link.startsWith('socket:')) return -ENOTSOCK
    return this.#onPidfd(pid, pidfd => this.#native.pidfdGetfd(pidfd, fd))
  }

  /** Whether `fd` is none of the thread's descriptors. */
  isFree(pid: number, fd: number): boolean {
    return this.#linkOf(pid, fd) === -EBADF
  }

  /** Reads all of `into`; -EFAULT when it is not all there. */
  read(pid: number, address: bigint, into: Uint8Array): number {
    if (into.length === 0) return 0
    const octets = this.#native.processVmReadv(pid, address, into)
    return octets < 0 ? octets : octets === into.length ? 0 : -EFAULT
  }

  /**
   * Calls `fn`, in which write() goes to the memory that thread `pid` has now, also if the thread executes another program
   * meanwhile. Undefined, without a call, if the memory cannot be opened, or `isStill` does not hold once it is open.
   */
  inMemoryOf<T>(pid: number, isStill: () => boolean, fn: () => T): T | undefined {
    const memory = this.#native.open(`/proc/${pid}/mem`, O_RDWR, -1)
    if (memory < 0) return undefined
    try {
      if (!isStill()) return undefined
      this.#memory = memory
      return fn()
    } finally {
      this.#memory = undefined
      this.#native.close(memory)
    }
  }

  /** Writes all of `from` to the memory of the thread of `inMemoryOf`, which calls this; -EFAULT when there is no room for it. */
  write(address: bigint, from: Uint8Array): number {
    if (from.length === 0) return 0
    if (this.#memory === undefined || address > BigInt(Number.MAX_SAFE_INTEGER)) return -EFAULT
    try {
      return writeSync(this.#memory, from, 0, from.length, Number(address)) === from.length ? 0 : -EFAULT
    } catch {
      return -EFAULT
    }
  }

  identity(pid: number): Identity | undefined {
    const info = new Uint8Array(PIDFD_INFO_LEN)
    const view = new DataView(info.buffer)
    view.setUint32(0, PIDFD_INFO_CREDS, true)
    if (this.#onPidfd(pid, pidfd => this.#native.ioctl(pidfd, PIDFD_GET_INFO, info)) < 0) return statusOf(pid)
    return {
      tgid: view.getUint32(TGID_AT, true),
      euid: view.getUint32(EUID_AT, true),
      egid: view.getUint32(EGID_AT, true),
    }
  }

  status(pid: number): ThreadStatus | undefined {
    return statusOf(pid)
  }

  /** Whether a thread is in our own user namespace; not when that may not be known. */
  isInOwnUserNamespace(pid: number): boolean {
    try {
      this.#userns ??= statSync('/proc/thread-self/ns/user').ino
      return statSync(`/proc/${pid}/ns/user`).ino === this.#userns
    } catch {
      return false
    }
  }

  /** Inode of the network namespace a socket is in; undefined when it is no socket, or of a namespace that is none of our business. */
  namespaceOf(socket: number): number | undefined {
    const cookie = netnsCookie(this.#native, socket)
    if (cookie === undefined) return undefined
    if (cookie === this.#home.cookie) return this.#home.inode
    const inode = this.#namespaces.get(cookie) ?? this.#inode(socket)
    if (inode === undefined) return undefined
    if (this.#namespaces.size >= KEPT) this.#namespaces.clear()
    this.#namespaces.set(cookie, inode)
    return inode
  }

  /** Calls `fn` with a descriptor of the thread's own network namespace, -1 for ours; undefined when it may not be entered. */
  inNamespaceOf<T>(pid: number, fn: (nsfd: number) => T): T | undefined {
    const nsfd = this.#native.open(`/proc/${pid}/ns/net`, O_RDONLY, -1)
    if (nsfd < 0) return undefined
    try {
      return fn(fstatSync(nsfd).ino === this.#home.inode ? -1 : nsfd)
    } finally {
      this.#native.close(nsfd)
    }
  }

  close(): void {
    for (const pidfd of this.#pidfds.values()) this.#native.close(pidfd)
    this.#pidfds.clear()
  }

  /** Needs CAP_NET_ADMIN there. */
  #inode(socket: number): number | undefined {
    const nsfd = this.#native.ioctl(socket, SIOCGSKNS, 0)
    if (nsfd < 0) return undefined
    try {
      return fstatSync(nsfd).ino
    } finally {
      this.#native.close(nsfd)
    }
  }

  /** Calls `fn` with a pidfd of the thread; one that refers to a former thread of the number answers -ESRCH, and another is opened. */
  #onPidfd(pid: number, fn: (pidfd: number) => number): number {
    const known = this.#pidfds.get(pid)
    if (known !== undefined) {
      const result = fn(known)
      if (result !== -ESRCH) return result
      this.#forget(pid, known)
    }
    const pidfd = this.#open(pid)
    if (pidfd < 0) return pidfd
    for (const [oldest, fd] of this.#pidfds) {
      if (this.#pidfds.size < KEPT) break
      this.#forget(oldest, fd)
    }
    this.#pidfds.set(pid, pidfd)
    return fn(pidfd)
  }

  #open(pid: number): number {
    const pidfd = this.#native.pidfdOpen(pid, PIDFD_THREAD)
    if (pidfd !== -EINVAL) return pidfd
    const tgid = statusOf(pid)?.tgid
    return tgid === undefined ? -ENOENT : this.#native.pidfdOpen(tgid, 0)
  }

  #forget(pid: number, pidfd: number): void {
    this.#pidfds.delete(pid)
    this.#native.close(pidfd)
  }
}

/** What a descriptor of a thread refers to, as proc(5) names it, which asks no file system; -EBADF or -EPERM. */
function procLink(pid: number, fd: number): string | number {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? -EBADF : -EPERM
  }
}

/** Undefined when there is no such thread. */
function statusOf(pid: number): ThreadStatus | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1')
  } catch {
    return undefined
  }
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
