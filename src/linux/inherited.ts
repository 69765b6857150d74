/** The descriptors that this process inherited. */
import { readdirSync, readlinkSync } from 'node:fs'
import { attempt } from '../base/errno.ts'

/**
 * Returns, by number, whether this process inherited a descriptor. Node sets close-on-exec on all
 * of them, so Node's own are recognized by their kind. Node takes the lowest free numbers, first
 * for an epoll, then for pipes with both ends here and for copies of the terminal.
 */
export function inherited(): boolean[] {
  const names: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    const name = attempt(() => readlinkSync(`/proc/self/fd/${fd}`))
    // Undefined for the descriptor of the listing itself.
    if (name !== undefined) {
      names[Number(fd)] = name
    }
  }
  const first = names.indexOf('anon_inode:[eventpoll]')
  const later = names.slice(first)
  const isNodes = (name: string) =>
    name.startsWith('anon_inode:') ||
    name === '/dev/null' ||
    (name.startsWith('pipe:') && later.indexOf(name) !== later.lastIndexOf(name)) ||
    (/^\/dev\/(pts\/|tty)/.test(name) && names.indexOf(name) < 3)
  return Array.from(
    names,
    (name: string | undefined, fd) => name !== undefined && (fd < first || !isNodes(name)),
  )
}
