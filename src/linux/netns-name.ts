/**
 * Names of network namespaces. A descriptor of a TAP that was opened inside a namespace keeps the
 * namespace alive, so after `ip netns del` the TAP would continue to exist unseen. The owner of
 * such a TAP watches the name and closes the TAP when the name is removed; then the kernel removes
 * the namespace with everything in it.
 */
import { fstatSync, readdirSync, readlinkSync, type Stats, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { attempt, EINVAL, ENOENT, EPERM, VnetError } from '../base/errno.ts'
import { check, closeFd, closing } from './errno.ts'
import type { Native } from './native.ts'
import { RouteSocket } from './rtnetlink.ts'
import { rootAdvice } from './tap/tap.ts'
import { O_RDONLY } from './uapi.ts'

const NO_NETNS_ADVICE = 'there is no such network namespace; `ip netns` lists those with a name'

const NAMES = '/run/netns'

/** The path of a network namespace given by name, as in `ip netns`, or by path. */
export const netnsPath = (netns: string): string =>
  netns.includes('/') ? netns : `${NAMES}/${netns}`

/** A namespace's name; `net:[INODE]`, as in /proc, without one; undefined for our own. */
export const netnsName = (nsfd: number): string | undefined =>
  nsfd < 0 ? undefined : nameOf(fstatSync(nsfd))

/** The same, of the namespace with this inode, which need not be open. */
export const netnsNameOf = (ino: number) =>
  nameOf({ dev: statSync('/proc/thread-self/ns/net').dev, ino })

function nameOf(namespace: Identity): string | undefined {
  if (names('/proc/thread-self/ns/net', namespace, false)) return undefined
  const known = attempt(() => readdirSync(NAMES)) ?? []
  const name = known.find(each => names(netnsPath(each), namespace, false))
  return name ?? `net:[${namespace.ino}]`
}

type Identity = Pick<Stats, 'dev' | 'ino'>

/** Whether netnsName() returned it for a namespace that has a name, which can be watched. */
export const isNamed = (netns: string): boolean => !netns.startsWith('net:[')

/** Whether `path` names a namespace; `unknown` without permission to look. */
function names(path: string, { dev, ino }: Identity, unknown: boolean): boolean {
  const isSame = () => {
    const found = statSync(path, { throwIfNoEntry: false })
    return found?.dev === dev && found.ino === ino
  }
  return attempt(isSame) ?? unknown
}

/**
 * Calls `fn` with a descriptor of the namespace `netns`, or -1 for our own. The descriptor is
 * closed when `fn` returns, or when its promise settles. Throws a VnetError with advice if the
 * namespace does not exist or may not be entered.
 */
export function inNetns<T>(native: Native, netns: string | undefined, fn: (nsfd: number) => T): T {
  const fd = openNetns(native, netns)
  if (fd < 0) return fn(-1)
  const fail = (error: unknown): never => {
    throw explained(native, fd, error, netns)
  }
  return closing(native, fd, () => {
    try {
      const result = fn(placeOf(native, fd))
      return result instanceof Promise ? (result.catch(fail) as T) : result
    } catch (error) {
      return fail(error)
    }
  })
}

/** Returns a descriptor of a namespace by name or path; -1 without one. */
function openNetns(native: Native, netns: string | undefined): number {
  if (netns === undefined) return -1
  const nsfd = native.open(netnsPath(netns), O_RDONLY, -1)
  return check(nsfd, ['open', netns], nsfd === -ENOENT ? NO_NETNS_ADVICE : undefined)
}

/**
 * Returns a descriptor of a namespace that a process has open, which the caller closes, or
 * undefined. Throws EACCES.
 */
export function openNetnsOf(native: Native, pid: number, inode: number): number | undefined {
  const directory = `/proc/${pid}/fd`
  for (const fd of readdirSync(directory)) {
    const path = `${directory}/${fd}`
    // A descriptor may be closed meanwhile, before it is read or before it is opened.
    if (attempt(() => readlinkSync(path)) !== `net:[${inode}]`) continue
    const nsfd = native.open(path, O_RDONLY, -1)
    if (nsfd === -ENOENT) continue
    check(nsfd, ['open', path])
    // Its number may be used again.
    if (fstatSync(nsfd).ino === inode) return nsfd
    closeFd(native, nsfd)
  }
  return undefined
}

/** Returns -1 if the namespace is our own. */
export function placeOf(native: Native, nsfd: number): number {
  using home = RouteSocket.open(native)
  return home.isIn(nsfd) ? -1 : nsfd
}

function explained(native: Native, fd: number, error: unknown, netns: string | undefined): unknown {
  if (netns === undefined || !(error instanceof VnetError) || error.advice !== undefined) {
    return error
  }
  const what = `enter network namespace ${netns}`
  if (error.errno === EINVAL) {
    return isNetns(native, fd)
      ? error
      : new VnetError(EINVAL, what, 'it is not a network namespace')
  }
  // An EPERM without advice means that the namespace may not be entered.
  return error.errno === EPERM ? new VnetError(EPERM, what, rootAdvice()) : error
}

/** setns(2) refuses another file with EINVAL. */
function isNetns(native: Native, fd: number): boolean {
  const opened = native.open('/dev/null', O_RDONLY, fd)
  if (opened >= 0) {
    closeFd(native, opened)
  }
  return opened !== -EINVAL
}

/**
 * Calls `fn` once, when `netns` no longer names the namespace that `nsfd` refers to. Returns a
 * function that stops watching. Keeps neither the process nor the namespace alive. Nothing is
 * reported if no watch is left (fs.inotify.max_user_watches), nor of a path in /proc, where inotify
 * has no events.
 */
export function watchNetnsName(netns: string, nsfd: number, fn: () => void): () => void {
  const path = netnsPath(netns)
  const namespace = fstatSync(nsfd)
  try {
    const watcher = watch(dirname(path), { persistent: false }, () => {
      if (names(path, namespace, true)) return
      watcher.close()
      fn()
    })
    // A watch that fails later, for example because its directory is removed, reports nothing.
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return () => {}
  }
}
