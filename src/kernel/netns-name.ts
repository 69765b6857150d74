/**
 * Names of network namespaces. A TAP that is attached to inside a namespace keeps that alive: after `ip netns del` it would
 * live on unseen. Its name tells: when that is gone, whoever watches lets the TAP go, and the kernel removes the namespace
 * with all that is in it.
 */
import { fstatSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { EINVAL, ENOENT, EPERM, isErrno, VnetError } from '../core/errno.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'
import { RouteSocket } from './rtnetlink.ts'
import { rootAdvice } from './tap.ts'
import { O_RDONLY } from './uapi.ts'

const NO_NETNS_ADVICE = 'there is no such network namespace; `ip netns` lists those with a name'

/** Where a namespace is found: a name as in `ip netns`, or a path. */
export function netnsPath(netns: string): string {
  return netns.includes('/') ? netns : `/run/netns/${netns}`
}

/**
 * Calls `fn` with a descriptor of the namespace named, -1 for our own (also by its name), which is closed when `fn` returns.
 * Throws a VnetError that says what to do when there is none, or it may not be entered.
 */
export function inNetns<T>(native: Native, netns: string | undefined, fn: (nsfd: number) => T): T {
  if (netns === undefined) return fn(-1)
  const path = netnsPath(netns)
  const nsfd = native.open(path, O_RDONLY, -1)
  check(nsfd, `open ${path}`, nsfd === -ENOENT ? NO_NETNS_ADVICE : undefined)
  try {
    using home = RouteSocket.open(native)
    return fn(home.isIn(nsfd) ? -1 : nsfd)
  } catch (error) {
    if (isErrno(error, EINVAL) && error.advice === undefined) {
      throw new VnetError(EINVAL, `enter network namespace ${netns}`, 'it is not one')
    }
    // What has no advice yet is that the namespace may not be entered.
    throw isErrno(error, EPERM) && error.advice === undefined
      ? new VnetError(EPERM, `enter network namespace ${netns}`, rootAdvice())
      : error
  } finally {
    native.close(nsfd)
  }
}

/**
 * Calls `fn` once, when `netns` is no longer the namespace that `nsfd` refers to. Answers how to stop. Keeps no process
 * alive, nor the namespace. In /proc nothing is told: there a namespace has no name, but processes.
 */
export function watchNetnsName(netns: string, nsfd: number, fn: () => void): () => void {
  const path = netnsPath(netns)
  const { dev, ino } = fstatSync(nsfd)
  const isSame = () => {
    try {
      const now = statSync(path, { throwIfNoEntry: false })
      return now?.dev === dev && now.ino === ino
    } catch {
      // It may not be looked at now (EACCES): that says nothing.
      return true
    }
  }
  const watcher = watch(dirname(path), { persistent: false }, () => {
    if (isSame()) return
    watcher.close()
    fn()
  })
  // A watch that fails later, as when its directory goes, says no more than none.
  watcher.on('error', () => watcher.close())
  return () => watcher.close()
}
