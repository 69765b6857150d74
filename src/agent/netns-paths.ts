/** Where network namespaces have a name or a path. */
import { statSync } from 'node:fs'
import { listed } from '../control/sockets/run-directory.ts'
import { netnsPath } from '../linux/netns-name.ts'

/** Returns a name or path of each of the namespaces that still has one; none of our own. */
export function netnsPaths(inodes: readonly number[]): Map<number, string> {
  const own = statSync('/proc/thread-self/ns/net')
  const wanted = new Set(inodes.filter(inode => inode !== own.ino))
  const found = new Map<number, string>()
  function look(netns: string): void {
    if (wanted.size === 0) return
    try {
      const { dev, ino } = statSync(netnsPath(netns))
      if (dev === own.dev && wanted.delete(ino)) {
        found.set(ino, netns)
      }
    } catch {
      // The process has ended, or belongs to another user.
    }
  }
  for (const name of listed('/run/netns')) {
    look(name)
  }
  for (const name of listed('/run/docker/netns')) {
    look(`/run/docker/netns/${name}`)
  }
  if (wanted.size > 0) {
    for (const pid of listed('/proc')) {
      if (/^\d+$/.test(pid)) {
        look(`/proc/${pid}/ns/net`)
      }
    }
  }
  return found
}
