/**
 * The interface of the native addon. Every function returns 0 or more, or -errno, and never throws;
 * arguments of a wrong type return -EINVAL.
 *
 * Descriptors are plain numbers and belong to the caller, which closes them with close(). If a
 * worker is terminated first, its descriptors are closed with it. A Uint8Array may be on an
 * ArrayBuffer or a SharedArrayBuffer, and is used only during the call, except by createBatch.
 */
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { attempt, type Call, ENOENT, ENOEXEC, EOPNOTSUPP, VnetError } from '../base/errno.ts'

declare const batch: unique symbol

/** An opaque handle. It keeps the memory of its arrays alive. */
export interface Batch {
  readonly [batch]: true
}

/**
 * Watches a descriptor in the event loop of the thread that made it. A new poller is stopped. From
 * start() to stop() or close() it watches, even if nothing refers to it any more, and keeps the
 * process alive unless unref() was called. It closes with its worker or process. Close it before
 * its descriptor. Methods return 0, or -EBADF once it is closed.
 */
export interface Poller {
  /** Starts to watch, also after an error; no effect if started. */
  start(): number
  /** Stops watching until start(). */
  stop(): number
  /** Sets the events to watch for: WATCH_READ (the default), WATCH_WRITE or both. */
  watch(events: number): number
  /** Keeps the process alive while started; the default. */
  ref(): number
  unref(): number
  /** Closes it: the callback is not called again. Always returns 0. */
  close(): number
}

/** Events for Poller.watch. */
export const WATCH_READ = 1
export const WATCH_WRITE = 2

declare const addon: unique symbol

/** The addon, opaque, as programs pass it on: Native is for the modules of vnet only. */
export interface Addon {
  readonly [addon]: true
}

/**
 * The functions of the addon, for the modules of vnet alone: a caller owns the descriptors that it
 * gets, and checks each result. Tests replace single functions to let system calls fail.
 */
export interface Native {
  /**
   * open(2) with O_CLOEXEC. `nsfd` is a descriptor of the namespace to open in, or -1 for the
   * thread's own. If the thread cannot return to that, the process is aborted.
   */
  open(path: string, flags: number, nsfd: number): number
  /** socket(2), always with SOCK_CLOEXEC; `nsfd` as in open. */
  socket(domain: number, type: number, protocol: number, nsfd: number): number
  /** socketpair(2) of AF_UNIX, like socket. Sets the two elements of `pair`. */
  socketpair(type: number, pair: Int32Array): number
  /**
   * socket(2) with the effective uid and gid, groups and, as far as this process has them,
   * capabilities of another user: the kernel checks the opener's. Otherwise like connectAs.
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
  /** close(2), at most once per descriptor. -EBADF for one that the addon does not own. */
  close(fd: number): number
  /**
   * Makes this environment the owner of a descriptor that the process was given. -EBUSY if the
   * addon has it already, here or in another thread.
   */
  adopt(fd: number): number
  /**
   * close(2) of each descriptor, on a separate thread: the kernel needs some 15 ms to close a TAP.
   * Sets `event`, an eventfd, to 1 at the end. An environment that ends waits for that.
   */
  closeAside(fds: Int32Array, event: number): number
  /** Gives its own descriptor to another owner, such as a socket of Node, which will close it. */
  release(fd: number): number
  /**
   * ioctl(2) with a number, or with the bytes of a struct (at most 16 KiB), which the kernel may
   * rewrite. Returns the ioctl's own result. A struct shorter than the request requires is followed
   * by zeros. `data` is the buffer for ifr_data of a struct ifreq, at most 16 KiB, which the kernel
   * may rewrite too.
   */
  ioctl(fd: number, request: number, arg: Uint8Array | number, data?: Uint8Array): number
  /** bind(2); `address` is a sockaddr. */
  bind(fd: number, address: Uint8Array): number
  /** listen(2). Clients of a Unix socket see the credentials that the process has at this call. */
  listen(fd: number, backlog: number): number
  /** accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK. */
  accept(fd: number): number
  /** connect(2); `address` is a sockaddr. */
  connect(fd: number, address: Uint8Array): number
  /**
   * connect(2) with the effective uid and gid of another user and no supplementary groups. The
   * listener of a Unix socket sees these credentials. It affects only this thread and this call; if
   * the thread cannot restore its credentials, the process is aborted. Needs CAP_SETUID and
   * CAP_SETGID.
   */
  connectAs(fd: number, address: Uint8Array, uid: number, gid: number): number
  /** getsockname(2). Returns the full length of the address, even if `into` is shorter. */
  getsockname(fd: number, into: Uint8Array): number
  /** setsockopt(2). For SO_ATTACH_FILTER, `value` is an array of struct sock_filter. */
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number
  /** getsockopt(2). Returns the length of the value. */
  getsockopt(fd: number, level: number, name: number, into: Uint8Array): number
  /** send(2), always with MSG_NOSIGNAL. Returns the number of bytes sent. */
  send(fd: number, data: Uint8Array, flags: number): number
  /** sendto(2), always with MSG_NOSIGNAL; `to` is a sockaddr. */
  sendto(fd: number, data: Uint8Array, flags: number, to: Uint8Array): number
  /** send(2) on a separate thread. Sets `event`, an eventfd, to 1 at the end, or to 1 + errno. */
  sendAside(fd: number, data: Uint8Array, flags: number, event: number): number
  /** recv(2); returns the number of bytes received, 0 at the end of a stream. */
  recv(fd: number, into: Uint8Array, flags: number): number
  /**
   * recvmsg(2). Returns the number of bytes received, which exceeds `into` only with MSG_TRUNC in
   * `flags`. Sets meta[0] to the sender's netlink port id (signed; 0 is the kernel; -1 if the
   * socket is not a netlink socket), meta[1] to the namespace id that NETLINK_LISTEN_ALL_NSID adds,
   * else -1, and meta[2] to msg_flags.
   */
  recvmsg(fd: number, into: Uint8Array, flags: number, meta: Int32Array): number
  /** recv(2) with descriptors: `found`, of 253 elements, gets them, for the caller, then -1. */
  recvDescriptors(fd: number, into: Uint8Array, flags: number, found: Int32Array): number
  /** send(2) with descriptors, 1 to 253, which remain the caller's. */
  sendDescriptors(fd: number, data: Uint8Array, flags: number, descriptors: Int32Array): number
  /** poll(2) for reading, without waiting. Returns the POLL* bits that are set. */
  poll(fd: number): number

  /** pidfd_open(2). */
  pidfdOpen(pid: number, flags: number): number
  /** pidfd_getfd(2). Returns our own descriptor for the file that is `fd` in that process. */
  pidfdGetfd(pidfd: number, fd: number): number
  /** process_vm_readv(2) at one address. Returns the bytes read, maybe fewer than `into` holds. */
  processVmReadv(pid: number, address: bigint, into: Uint8Array): number
  /** capget(2): sets `effective`, 8 bytes, to the effective capabilities of a thread. */
  capget(pid: number, effective: Uint8Array): number
  /**
   * recvmsg(2) on behalf of another process, with all that the kernel returns. Returns the number
   * of bytes received, which exceeds `into` only with MSG_TRUNC in `flags`. `name` receives the
   * sender's address, `control` the ancillary data (none if it holds a descriptor, which is
   * closed). Sets meta[0] and meta[1] to their lengths, meta[2] to msg_flags.
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
   * execv(2) of the path in the first word, with only the standard streams and `descriptors`.
   * Returns only if it fails. No exit handler of Node runs.
   */
  exec(words: readonly string[], descriptors?: Int32Array): number
  /** close_range(2) with CLOSE_RANGE_CLOEXEC: programs do not inherit `first` to `last`. */
  closeOnExec(first: number, last: number): number
  /**
   * Ends this process by `signal`, or with `status` if that is 0 or does not end it. No exit
   * handler of Node runs: output is lost, and the terminal is not reset.
   */
  endAs(status: number, signal: number): number
  /** With 1, SIGINT and SIGTERM end this process even if JavaScript is busy. 0 undoes it. */
  endBySignals(on: 0 | 1): number

  /** A non-blocking eventfd. */
  eventfd(): number
  /** A non-blocking timerfd on CLOCK_MONOTONIC. */
  timerfdCreate(): number
  /** Makes it expire once, when monotonic() reaches `ns`, or now if that is past. 0 disarms. */
  timerfdSettime(fd: number, ns: number): number
  /** Returns the expirations since it was last read, or an eventfd's value; -EAGAIN if 0. */
  timerfdRead(fd: number): number
  /**
   * bpf(2) with a union bpf_attr; `nsfd` as in open. Each further pair is an offset, a multiple of
   * 8, and a buffer; the buffer's address is written at the offset. BPF_MAP_CREATE, BPF_PROG_LOAD,
   * BPF_LINK_CREATE and BPF_PROG_GET_FD_BY_ID return a descriptor.
   */
  bpf(nsfd: number, command: number, attr: Uint8Array, ...pointers: (number | Uint8Array)[]): number
  /**
   * bpf(2) of a command that returns a descriptor, on its own thread. `fd`, which must be open,
   * then refers to the new object. Sets `event`, an eventfd, to 1 at the end, or to 1 + errno.
   */
  bpfAside(nsfd: number, command: number, attr: Uint8Array, fd: number, event: number): number
  /** CLOCK_MONOTONIC in ns. */
  monotonic(): number

  /**
   * Makes a batch. Its frame i is the `lengths[i]` bytes at `offsets[i]` of `arena`. A batch has as
   * many frames as the shorter of `offsets` and `lengths`, and keeps the memory of all three alive.
   * All three must be on SharedArrayBuffers (else -EINVAL), which cannot be detached while the
   * addon uses them. An arena on a buffer of 32 MiB or more is not copied by fork(2).
   */
  createBatch(arena: Uint8Array, offsets: Int32Array, lengths: Int32Array): Batch | number
  /**
   * Reads into frames 0 to n - 1 with read(2), at most lengths[i] bytes each, until no frame waits
   * or this call has read `maxBytes` bytes (0: no limit). Sets lengths[i] to the bytes read and
   * returns the number of frames. An error of the first read is returned; an error of a later read
   * ends the batch and is returned by the next call. A frame outside the arena or of length 0 is
   * -EFAULT, so set lengths[i] before each call.
   */
  readBatch(batch: Batch, fd: number, n: number, maxBytes: number): number
  /**
   * Writes frames 0 to n - 1 with write(2) until EAGAIN, and returns how many were processed. Sets
   * their lengths[i] to the bytes written, or to -errno if the kernel refused the frame; the frames
   * after it are still written. A frame outside the arena is -EFAULT.
   */
  writeBatch(batch: Batch, fd: number, n: number): number

  /**
   * Makes a poller that calls fn(0) while `fd` is readable (or as watch() says), level-triggered,
   * and fn(-errno) on an error, which stops it. The error of a deleted TAP and of a netlink socket
   * that overflowed is always -EBADF. If fn returns true it has more to do: it is called again in
   * the next turn, whether the descriptor is readable or not. The descriptor is not watched until
   * fn returns something else. An exception of fn is an uncaughtException.
   */
  createPoller(fd: number, fn: (status: number) => boolean | void): Poller | number
  /** Makes the thread's pollers look for events for `ns`, at most 1 s, before they sleep. */
  setBusyPoll(ns: number): number

  /**
   * Returns the first page of a file, shared with it: bytes remain if the process is killed. If the
   * file becomes shorter than a page, an access ends the process (SIGBUS).
   */
  mapPage(fd: number): ArrayBuffer | number

  /** unshare(2) of CLONE_* for the calling thread alone. */
  unshare(flags: number): number
  /** The kernel kills this process when the thread that started it ends (PR_SET_PDEATHSIG). */
  dieWithParent(): number
  /**
   * Requests CPU time in slices of 0.1 ms, so that the calling thread, when it wakes, need not wait
   * until another one has used up a slice of milliseconds (EEVDF, sched_setattr(2), Linux 6.12;
   * older kernels ignore it). Threads and processes that it starts have the usual slice. Does
   * nothing to a thread with a scheduling policy or a higher priority of its own.
   */
  shortenSlice(): number
  /** setns(2) of the calling thread into the namespace of a descriptor; `type` is CLONE_* or 0. */
  setns(fd: number, type: number): number
  /**
   * Calls `fn` with `self` and `args` while the calling thread is in a network namespace, where the
   * sockets that it makes are. Returns what it returns, and -errno if the thread cannot go there.
   */
  callIn(
    nsfd: number,
    fn: (...args: never[]) => unknown,
    self: object,
    args: readonly unknown[],
  ): unknown
  /** Returns a descriptor of a new network namespace, which it keeps alive: only `lo`, down. */
  createNetns(): number
  /** The same, of one namespace for all calls of this thread. The addon keeps the descriptor. */
  unnamedNetns(): number

  /**
   * Limits the capabilities of every thread to a set: bit CAP_* of `low` below 32, of `high` from
   * 32 on. It applies to permitted, effective and bounding capabilities; inheritable and ambient
   * ones are cleared, no_new_privs is set, and the process is not dumpable. Without CAP_SETPCAP the
   * bounding set is kept. Returns -ETIMEDOUT if a thread has not followed within two seconds: the
   * process must then end.
   */
  dropPrivileges(low: number, high: number): number
}

/** Uses stat(2): access(2) checks other capabilities than open(2) does. */
const isThere = (file: string): boolean => statSync(file, { throwIfNoEntry: false }) !== undefined

// src/linux and dist/linux are at the same depth.
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The package has no binding.gyp at its top: package managers would compile it. */
const BUILD_DIRECTORY = isThere(`${ROOT}binding.gyp`) ? ROOT : `${ROOT}native`

/** The scripts of a clone are not in the package, but node-gyp builds both. */
export const BUILD_ADVICE = `run \`npx node-gyp rebuild\` in ${BUILD_DIRECTORY}`

const BUNDLED = 'is not beside this code, which was bundled: mark vnet as external in the bundler'

/** Whether this code was moved out of its package. */
function isBundled(): boolean {
  const text = attempt(() => readFileSync(`${ROOT}package.json`, 'utf8'))
  return text === undefined || attempt(() => JSON.parse(text).name) !== 'vnet'
}

/** Returns why nothing here opens an interface, in one line; undefined on Linux. */
export function whyNotLinux(): string | undefined {
  const { platform } = process
  if (platform === 'linux') return undefined
  const instead = 'drivers and labs in memory work everywhere'
  return `this needs Linux: it drives TAP interfaces, which ${platform} does not have; ${instead}`
}

/** Throws a VnetError off Linux. */
export function checkLinux(call: Call): void {
  const why = whyNotLinux()
  if (why !== undefined) throw new VnetError(EOPNOTSUPP, call, why)
}

/**
 * The path of a file in build/Release, there or below native, or else in prebuilds. A clone builds
 * its programs when they are needed. Throws a VnetError without the file, and off Linux.
 */
export function builtFile(name: string, what: string): string {
  checkLinux([`load ${what}`, ''])
  const find = (directory: string) => {
    const path = `${ROOT}${directory}/${name}`
    return isThere(path) ? path : undefined
  }
  const built =
    find('build/Release') ??
    (buildPrograms() ? find('build/Release') : find('native/build/Release'))
  const found = built ?? find(`prebuilds/linux-${process.arch}`)
  if (found !== undefined) return found
  throw new VnetError(
    ENOENT,
    name,
    `${what} ${isBundled() ? BUNDLED : `is not built: ${BUILD_ADVICE}`}`,
  )
}

/** Builds the programs in a clone, where the first command that needs one does. */
function buildPrograms(): boolean {
  const script = `${ROOT}scripts/setup.mjs`
  // Only a clone has the script. Without the addon, nothing was set up.
  if (!isThere(script) || !isThere(`${ROOT}build/Release/vnet.node`)) return false
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  return (
    spawnSync(process.execPath, [script, '--programs'], { stdio: ['ignore', 2, 2] }).status === 0
  )
}

/** Files of the addon, below ROOT. node_modules there may have the addon of another vnet. */
const ADDON = /^((native\/)?build\/Release|prebuilds\/[\w-]+)\/vnet\.node$/

/**
 * Loads the addon: the file that VNET_ADDON names, else the vnet.node of builtFile, which is for
 * glibc in prebuilds. Throws a VnetError with the command to run if
 * it is missing or does not load, or off Linux. Bun and Deno would load it, and crash when it is
 * used.
 */
export function loadNative(): Native {
  checkLinux(['load the native addon', ''])
  const { bun, deno } = process.versions
  if (bun !== undefined || deno !== undefined) {
    const runtime = bun === undefined ? 'Deno' : 'Bun'
    throw new VnetError(
      ENOEXEC,
      'load the native addon',
      `it does not run in ${runtime}: start this program with node`,
    )
  }
  const require = createRequire(import.meta.url)
  // A second copy, from another file, would have its own list of descriptors.
  const loaded = Object.keys(require.cache).find(
    file => file.startsWith(ROOT) && ADDON.test(file.slice(ROOT.length)),
  )
  const path = process.env.VNET_ADDON || (loaded ?? builtFile('vnet.node', 'the native addon'))
  try {
    return require(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    const advice = `the native addon does not load (${reason}): ${BUILD_ADVICE}`
    throw new VnetError(ENOEXEC, path, advice, { cause })
  }
}
