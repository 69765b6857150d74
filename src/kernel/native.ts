/**
 * The native addon as TypeScript sees it. Every function answers 0 or more, or -errno, and never throws; arguments of
 * a wrong type answer -EINVAL. Descriptors are plain numbers, owned by the caller, who closes them by close() here: what
 * open, socket and timerfdCreate gave is closed with the thread when that is terminated before. A Uint8Array may be on an
 * ArrayBuffer or a SharedArrayBuffer and is only used during the call, batches excepted.
 */
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { ENOENT, ENOEXEC, VnetError } from '../core/errno.ts'

declare const batch: unique symbol

/** An opaque handle; the memory of its arrays lives as long as it does. */
export interface Batch {
  readonly [batch]: true
}

/**
 * A descriptor watched by the event loop of the thread that made it. Begins stopped. Once started it watches, and keeps
 * the process alive unless unref'ed, also when nothing refers to it any more, until stop() or close(); the end of its
 * worker or process closes it. Close it before its descriptor. Methods answer 0, or -EBADF once closed.
 */
export interface Poller {
  /** Watches; harmless when started. After a negative status, watches again. */
  start(): number
  /** Stops watching, until start(). */
  stop(): number
  /** What to watch for from now on: WATCH_READ, WATCH_WRITE or both; a poller begins with WATCH_READ. */
  watch(events: number): number
  /** Keeps the process alive while started: so it begins. */
  ref(): number
  unref(): number
  /** Ends it; the callback is not called again. Always 0. */
  close(): number
}

/** For Poller.watch. */
export const WATCH_READ = 1
export const WATCH_WRITE = 2

export interface Native {
  /**
   * open(2), always with O_CLOEXEC; `nsfd` is a descriptor of the network namespace to open in, or -1 for the
   * thread's own. The thread is home again on return; should it not come home, the process is aborted.
   */
  open(path: string, flags: number, nsfd: number): number
  /** socket(2), always with SOCK_CLOEXEC; `nsfd` as in open. */
  socket(domain: number, type: number, protocol: number, nsfd: number): number
  /**
   * socket with the effective uid and gid, the supplementary groups and, as far as they are permitted to us, the effective
   * capabilities of another user: the kernel asks for rights of whoever opened a socket. As connectAs.
   */
  socketAs(
    domain: number,
    type: number,
    protocol: number,
    nsfd: number,
    uid: number,
    gid: number,
    groups: Int32Array,
    capabilities: bigint,
  ): number
  /** close(2); once only for each descriptor. */
  close(fd: number): number
  /**
   * ioctl(2) with a number, or with the octets of a struct (at most 16 KiB), which the kernel may rewrite. Answers the
   * ioctl's own result. A struct shorter than what the request means counts as followed by zeros. `data` is for a struct
   * ifreq: what its ifr_data points to, at most 16 KiB, which the kernel may rewrite too.
   */
  ioctl(fd: number, request: number, arg: Uint8Array | number, data?: Uint8Array): number
  /** bind(2); `address` is a sockaddr. */
  bind(fd: number, address: Uint8Array): number
  /** listen(2). The credentials that a client of a Unix socket sees are those of now. */
  listen(fd: number, backlog: number): number
  /** accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK. */
  accept(fd: number): number
  /** connect(2); `address` is a sockaddr. */
  connect(fd: number, address: Uint8Array): number
  /**
   * connect(2) with the effective uid and gid of another user, and no supplementary groups: those are what the listener of a Unix
   * socket sees. For this thread and this call alone; should it not get its own back, the process is aborted. For
   * root (CAP_SETUID, CAP_SETGID).
   */
  connectAs(fd: number, address: Uint8Array, uid: number, gid: number): number
  /** getsockname(2); answers the address's whole length, also when `into` was too short for it. */
  getsockname(fd: number, into: Uint8Array): number
  /** setsockopt(2). Of SO_ATTACH_FILTER `value` is the instructions themselves, each a struct sock_filter. */
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number
  /** getsockopt(2); answers the value's length. */
  getsockopt(fd: number, level: number, name: number, into: Uint8Array): number
  /** send(2), always with MSG_NOSIGNAL; answers the octets sent. */
  send(fd: number, data: Uint8Array, flags: number): number
  /** sendto(2), always with MSG_NOSIGNAL; `to` is a sockaddr. */
  sendto(fd: number, data: Uint8Array, flags: number, to: Uint8Array): number
  /** recv(2); returns the number of bytes received, 0 at the end of a stream. */
  recv(fd: number, into: Uint8Array, flags: number): number
  /**
   * recvmsg(2); answers the octets received, which exceed `into` only under MSG_TRUNC in `flags`. Sets meta[0] to the
   * sender's netlink port id (as a signed number; 0 is the kernel; -1 when the socket is not netlink's), meta[1] to the
   * namespace id that NETLINK_LISTEN_ALL_NSID adds, else -1, and meta[2] to msg_flags.
   */
  recvmsg(fd: number, into: Uint8Array, flags: number, meta: Int32Array): number
  /** poll(2) for reading, without waiting: the POLL* that hold now. */
  poll(fd: number): number

  /** pidfd_open(2). */
  pidfdOpen(pid: number, flags: number): number
  /** pidfd_getfd(2): a descriptor of our own for what is `fd` in that process. */
  pidfdGetfd(pidfd: number, fd: number): number
  /** process_vm_readv(2) at one address; answers the octets read, which are fewer where the process has no more. */
  processVmReadv(pid: number, address: bigint, into: Uint8Array): number
  /** capget(2): sets `effective`, 8 bytes, to the effective capabilities of a thread. */
  capget(pid: number, effective: Uint8Array): number
  /**
   * recvmsg(2) as the kernel returns it, for a process in whose place it is called. Returns the number of bytes received, which
   * exceeds `into` only with MSG_TRUNC in `flags`. `name` receives the sender's address, `control` the ancillary data (none
   * if that has a descriptor, which is closed); sets meta[0] and meta[1] to their lengths, meta[2] to msg_flags.
   */
  recvmsgRaw(
    fd: number,
    into: Uint8Array,
    flags: number,
    name: Uint8Array,
    control: Uint8Array,
    meta: Int32Array,
  ): number
  /**
   * execv(2): this process becomes the program that the first word is the path of, with the
   * standard streams alone. Does not return unless it fails. Nothing of Node's own runs any more.
   */
  exec(words: readonly string[]): number
  /**
   * Ends this process at once, by `signal` unless that is 0 or does not end it, else with `status`. Nothing of Node's own
   * runs any more: what is unwritten is lost, and the terminal stays as it is.
   */
  endAs(status: number, signal: number): number

  /** A non-blocking timerfd on CLOCK_MONOTONIC. */
  timerfdCreate(): number
  /** Expires once when monotonic() reaches `ns`, at once if that is past; 0 disarms. */
  timerfdSettime(fd: number, ns: number): number
  /** The expirations since it was last read or set; -EAGAIN if none. */
  timerfdRead(fd: number): number
  /** CLOCK_MONOTONIC in ns. */
  monotonic(): number

  /**
   * Frame i of a batch is the `lengths[i]` octets at `offsets[i]` of `arena`. All three are on SharedArrayBuffers
   * (-EINVAL otherwise), for those cannot be detached while the addon uses them. A batch has as many frames as the
   * shorter of `offsets` and `lengths`, and keeps the memory of all three.
   */
  createBatch(arena: Uint8Array, offsets: Int32Array, lengths: Int32Array): Batch | number
  /**
   * read(2) into frames 0 to n - 1, of lengths[i] octets each, until none waits or `maxBytes` octets were read in
   * this call (0: no limit). Sets lengths[i] to the octets read and answers the number of frames. An error of the
   * first read is the answer; one of a later read ends the batch and shows at the next call. A frame that is not all
   * in the arena, or has no room, is EFAULT: set lengths[i] anew before each call.
   */
  readBatch(batch: Batch, fd: number, n: number, maxBytes: number): number
  /**
   * write(2) of frames 0 to n - 1 until EAGAIN; answers how many were processed. lengths[i] of each of those becomes
   * the octets written, or -errno for one that the kernel refused; the others go on. A frame that is not all in the
   * arena is EFAULT.
   */
  writeBatch(batch: Batch, fd: number, n: number): number

  /**
   * Calls fn(0) while `fd` is readable (or what watch() says), fn(-errno) on an error condition, after which it has stopped (a deleted TAP,
   * or a netlink socket that overflowed: -EBADF, whatever the condition). Level-triggered. When fn answers true it has more to
   * do: it is called again in its turn, readable or not, and until it answers otherwise the descriptor is not watched. What fn
   * throws is an uncaughtException.
   */
  createPoller(fd: number, fn: (status: number) => boolean | void): Poller | number
  /**
   * For all pollers of the thread: for `ns` after each event, at most a second, they look for the next one instead of sleeping
   * until it wakes them. 0, as at first: not at all.
   */
  setBusyPoll(ns: number): number

  /** unshare(2) of CLONE_* for the calling thread alone. */
  unshare(flags: number): number
  /** A descriptor of a new network namespace, which has nothing in it but `lo`, down. It lives as long as something refers to it. */
  createNetns(): number

  /**
   * Leaves every thread of the process with those capabilities that it has of a set and no others,
   * permitted, effective and bounding: bit CAP_* of `low`, for 32 to 63 of `high`; none inheritable
   * or ambient; no_new_privs set; and the process not dumpable. The bounding set stays where
   * CAP_SETPCAP is missing. -ETIMEDOUT when a thread has not done so in two seconds: the process
   * must not go on then.
   */
  dropPrivileges(low: number, high: number): number
}

/** stat(2), unlike access(2), goes by the capabilities that count for the opening too. */
function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}

// src/kernel and dist/kernel lie equally deep.
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/**
 * The path of a file that set-up builds, or that the package has ready. Throws a VnetError where it
 * is missing.
 */
export function builtFile(name: string, what: string): string {
  const directories = [`${ROOT}build/Release`, `${ROOT}prebuilds/linux-${process.arch}`]
  const path = directories.map(directory => `${directory}/${name}`).find(isThere)
  if (path !== undefined) return path
  throw new VnetError(ENOENT, name, `${what} is not built: run \`npm run setup\` in ${ROOT}`)
}

/**
 * Loads the addon: the file VNET_ADDON names, else build/Release/vnet.node, else prebuilds/linux-ARCH/vnet.node of the
 * package. Throws a VnetError that says what to run when there is none, or it does not load.
 */
export function loadNative(): Native {
  const path = process.env.VNET_ADDON || builtFile('vnet.node', 'the native addon')
  try {
    return createRequire(import.meta.url)(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    const advice = `the native addon does not load (${reason}): run \`npm run setup\` in ${ROOT}`
    throw new VnetError(ENOEXEC, path, advice, { cause })
  }
}
