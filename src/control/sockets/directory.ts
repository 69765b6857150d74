/**
 * The running vnets, according to the files in their directories (server/presence.ts). Another
 * user's program may have written a file, so its contents are checked.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
} from 'node:fs'
import { join } from 'node:path'
import { attempt } from '../../base/errno.ts'
import { statOf } from '../../linux/proc-stat.ts'
import { listed, type RunDirectory, trustedDirectories } from './run-directory.ts'

/** Bytes of a file at most, enough for about 5,000 interfaces. */
const FILE_MAX = 1 << 20
const IFNAME_MAX = 15

/** A network namespace: the kernel reuses its inode, but not its cookie, if that is known. */
export interface NetNamespace {
  readonly inode: number
  readonly cookie?: number | undefined
}

/**
 * Compares the cookies too if both are known: a later namespace may have the inode of an earlier
 * one.
 */
export function isSameNamespace(a: NetNamespace, b: NetNamespace): boolean {
  return (
    a.inode === b.inode &&
    (a.cookie === undefined || b.cookie === undefined || a.cookie === b.cookie)
  )
}

/** Names of an interface's network namespace beside `netns`: see labNames. */
export interface LabNames {
  /** The displayed name, if not `netns`. */
  readonly place?: string | undefined
  /** Another name, such as VNET_LAB and the host. */
  readonly alias?: string | undefined
  /** The names of its lab's host that mean this interface, because it is the only one there. */
  readonly hosts?: readonly string[] | undefined
}

/** An interface of a vnet, and the network namespace that it is in. */
export interface EntryInterface extends NetNamespace, LabNames {
  readonly name: string
  readonly ifindex: number
  /** The name of its network namespace; absent for the vnet's own. */
  readonly netns?: string | undefined
}

/**
 * A running vnet as its file describes it, without a request to it: it may be a moment old. The
 * contents are checked, but come from the vnet's user.
 */
export interface Entry {
  /** The path of its socket, with which clients name it. */
  readonly vnet: string
  readonly uid: number
  readonly pid: number
  /** Start of the process in ticks since boot (proc(5), field 22): pids are used again. */
  readonly startTime: string
  /** Inode of the pid namespace in which `pid` is valid. */
  readonly pidns: number
  /** Inode of the network namespace that it was started in. */
  readonly netns: number
  readonly interfaces: readonly EntryInterface[]
}

/** Returns the inode of the calling thread's namespace of a kind. */
export const ownNamespace = (kind: 'net' | 'pid'): number =>
  statSync(`/proc/thread-self/ns/${kind}`).ino

/** Returns the vnets of some directories. Removes files of ended vnets, if it may. */
export function readDirectories(
  directories: readonly RunDirectory[] = trustedDirectories(),
): Entry[] {
  const pidns = ownNamespace('pid')
  const entries: Entry[] = []
  for (const { path, uid } of directories) {
    for (const name of listed(path).sort()) {
      if (!/^\d+-[0-9a-f]+\.json$/.test(name)) continue
      const file = join(path, name)
      const entry = readEntry(file, uid)
      if (entry === undefined) continue
      // A pid of another pid namespace cannot be checked here.
      if (entry.pidns !== pidns || runs(entry)) {
        entries.push(entry)
      } else if (uid === process.geteuid?.()) {
        // In a directory of another user the path may have become a link to elsewhere.
        for (const left of [file, entry.vnet]) {
          removeQuietly(left)
        }
      }
    }
  }
  return entries
}

/** Calls `onChange` when a vnet starts, ends or changes interfaces; ignores later directories. */
export function watchDirectories(
  onChange: () => void,
  directories: readonly RunDirectory[] = trustedDirectories(),
): Disposable {
  // Fails if a directory was removed, or the limit of watches was reached.
  const watchers = directories.flatMap(({ path }) => attempt(() => watch(path, onChange)) ?? [])
  for (const watcher of watchers) {
    watcher.on('error', () => watcher.close())
  }
  return {
    [Symbol.dispose]() {
      for (const watcher of watchers) {
        watcher.close()
      }
    },
  }
}

/** Returns the start time of a process; undefined if it does not exist or is hidden. */
export function startTime(pid: number): string | undefined {
  return statOf(pid)?.[19]
}

/** Returns undefined if the file is malformed, or does not belong to the owner of its directory. */
function readEntry(file: string, uid: number): Entry | undefined {
  const entry: unknown = attempt(() => JSON.parse(readOwned(file, uid)))
  return isEntry(entry) ? { ...entry, vnet: file.replace(/json$/, 'sock'), uid } : undefined
}

/** Does not follow a link, and does not wait for a FIFO. */
function readOwned(file: string, uid: number): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = fstatSync(fd)
    if (!found.isFile() || found.uid !== uid || found.size > FILE_MAX) {
      throw new Error(`${file} is not a vnet's`)
    }
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function isEntry(value: unknown): value is Entry {
  const entry = (value ?? {}) as Record<keyof Entry, unknown>
  return (
    [entry.pid, entry.pidns, entry.netns].every(isNumber) &&
    typeof entry.startTime === 'string' &&
    Array.isArray(entry.interfaces) &&
    entry.interfaces.every(isInterface)
  )
}

function isInterface(value: unknown): value is EntryInterface {
  const { name, ifindex, netns, inode, cookie } = (value ?? {}) as Record<
    keyof EntryInterface,
    unknown
  >
  return (
    typeof name === 'string' &&
    name.length <= IFNAME_MAX &&
    [ifindex, inode, cookie ?? inode].every(isNumber) &&
    (netns === undefined || typeof netns === 'string')
  )
}

const isNumber = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0

function runs({ pid, startTime: began }: Entry): boolean {
  const stat = statOf(pid)
  // A zombie has ended, although its parent has not waited for it.
  if (stat !== undefined) return stat[19] === began && !/[ZX]/.test(stat[0] as string)
  try {
    // If /proc hides the processes of other users (hidepid), kill(2) still finds them.
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Leaves a file that this user may not remove. */
export function removeQuietly(file: string): void {
  attempt(() => rmSync(file, { force: true }))
}
