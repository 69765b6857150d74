/**
 * The vnets that run, as the files in their directories say (announcement.ts). A file is believed as far as the directory's owner
 * is; it is another user's program that wrote it, so what is in it is checked.
 */
import {
  closeSync,
  constants,
  type FSWatcher,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
} from 'node:fs'
import { join } from 'node:path'
import { type RunDirectory, trustedDirectories } from './run-directory.ts'

/** Bytes of a file at most: about 5,000 interfaces. */
const FILE_MAX = 1 << 20
const IFNAME_MAX = 15

/** An interface of a vnet. */
export interface EntryInterface {
  readonly name: string
  readonly ifindex: number
  /** The namespace it was made in, as its vnet's user named that; absent when it is the vnet's own. */
  readonly netns?: string | undefined
  /** Inode of the network namespace that it is in now. */
  readonly inode: number
}

/** A vnet that runs. */
export interface Entry {
  /** The path of its socket: what it is asked by. */
  readonly vnet: string
  /** The user whose it is. */
  readonly uid: number
  readonly pid: number
  /** When the process began, in ticks since boot (proc(5), stat field 22): another process may get its number. */
  readonly startTime: string
  /** Inode of the namespace in which `pid` is a number. */
  readonly pidns: number
  /** Inode of the network namespace in which it was started. */
  readonly netns: number
  readonly interfaces: readonly EntryInterface[]
}

/** The inode of this thread's namespace of a kind. */
export function ownNamespace(kind: 'net' | 'pid'): number {
  return statSync(`/proc/thread-self/ns/${kind}`).ino
}

/** The vnets of some directories; what those left that are gone is removed, if that is allowed. */
export function readDirectories(directories: readonly RunDirectory[] = trustedDirectories()): Entry[] {
  const pidns = ownNamespace('pid')
  const entries: Entry[] = []
  for (const { path, uid } of directories) {
    for (const name of namesIn(path)) {
      const file = join(path, name)
      const entry = readEntry(file, uid)
      if (entry === undefined) continue
      // Process numbers of another namespace mean nothing here.
      if (entry.pidns !== pidns || runs(entry)) entries.push(entry)
      // In another user's directory the path may lead elsewhere by now, through a link.
      else if (uid === process.geteuid?.()) for (const left of [file, entry.vnet]) removeQuietly(left)
    }
  }
  return entries
}

/**
 * Calls `onChange` when a vnet comes, goes or has other interfaces, until disposed of. Of directories that come later it is
 * not told.
 */
export function watchDirectories(
  onChange: () => void,
  directories: readonly RunDirectory[] = trustedDirectories(),
): Disposable {
  const watchers: FSWatcher[] = []
  for (const { path } of directories) {
    try {
      const watcher = watch(path, onChange)
      // It was removed.
      watcher.on('error', () => watcher.close())
      watchers.push(watcher)
    } catch {
      // It was removed, or there are too many watches: the vnets that run are known.
    }
  }
  return {
    [Symbol.dispose]() {
      for (const watcher of watchers) watcher.close()
    },
  }
}

/** When a process began; undefined when there is no such process, or it is not shown. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The program's name, the second field, may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter(name => /^\d+-[0-9a-f]+\.json$/.test(name))
      .sort()
  } catch {
    return []
  }
}

/** Undefined for what is not an entry, or not the directory's owner's. */
function readEntry(file: string, uid: number): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(readOwned(file, uid))
    return isEntry(entry) ? { ...entry, vnet: file.replace(/json$/, 'sock'), uid } : undefined
  } catch {
    return undefined
  }
}

/** Neither follows a link nor waits for a FIFO. */
function readOwned(file: string, uid: number): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = fstatSync(fd)
    if (!found.isFile() || found.uid !== uid || found.size > FILE_MAX) throw new Error(`${file} is no vnet's`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function isEntry(value: unknown): value is Entry {
  const { pid, startTime, pidns, netns, interfaces } = (value ?? {}) as Record<keyof Entry, unknown>
  return (
    [pid, pidns, netns].every(isNumber) &&
    typeof startTime === 'string' &&
    Array.isArray(interfaces) &&
    interfaces.every(isInterface)
  )
}

function isInterface(value: unknown): value is EntryInterface {
  const { name, ifindex, netns, inode } = (value ?? {}) as Record<keyof EntryInterface, unknown>
  return (
    typeof name === 'string' &&
    name.length <= IFNAME_MAX &&
    [ifindex, inode].every(isNumber) &&
    (netns === undefined || typeof netns === 'string')
  )
}

function isNumber(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0
}

function runs({ pid, startTime: began }: Entry): boolean {
  const now = startTime(pid)
  if (now !== undefined) return now === began
  try {
    // Where /proc hides other users' processes (hidepid), they can still be asked for.
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // It is not ours to remove.
  }
}
