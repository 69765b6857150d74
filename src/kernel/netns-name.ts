/**
 * Names of network namespaces. A TAP that is attached to inside a namespace keeps that alive: after `ip netns del` it would
 * live on unseen. Its name tells: when that is gone, whoever watches lets the TAP go, and the kernel removes the namespace
 * with all that is in it.
 */
import { fstatSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/** Where a namespace is found: a name as in `ip netns`, or a path. */
export function netnsPath(netns: string): string {
  return netns.includes('/') ? netns : `/run/netns/${netns}`
}

/**
 * Calls `fn` once, when `netns` is no longer the namespace that `nsfd` refers to. Answers how to stop. Keeps no process
 * alive, nor the namespace. In /proc nothing is told: there a namespace has no name, but processes.
 */
export function watchNetnsName(netns: string, nsfd: number, fn: () => void): () => void {
  const path = netnsPath(netns)
  const { dev, ino } = fstatSync(nsfd)
  const watcher = watch(dirname(path), { persistent: false }, () => {
    const now = statSync(path, { throwIfNoEntry: false })
    if (now?.dev === dev && now.ino === ino) return
    watcher.close()
    fn()
  })
  // A watch that fails later, as when its directory goes, says no more than none.
  watcher.on('error', () => watcher.close())
  return () => watcher.close()
}
