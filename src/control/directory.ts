/**
 * /run/vnet: a file for each running vnet, by which others find it. Its name is used once, so that a file whose program is gone can be
 * removed by anybody who may without ever meeting a new one's. A directory that cannot be written is no error: the first vnet of a
 * namespace has a port that everybody knows.
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

export const RUN_DIRECTORY = '/run/vnet'

/** What a file says. */
export interface Entry {
  readonly pid: number
  /** When the process began, in ticks since boot (proc(5), stat field 22): another process may get its number. */
  readonly startTime: string
  /** Inode of the namespace in which `pid` is a number. */
  readonly pidns: number
  /** Inode of the network namespace of its socket. */
  readonly netns: number
  /** The socket's netlink port. */
  readonly port: number
  readonly interfaces: readonly string[]
}

/** The inode of this thread's namespace of a kind. */
export function ownNamespace(kind: 'net' | 'pid'): number {
  return statSync(`/proc/thread-self/ns/${kind}`).ino
}

/** A file of this process in `directory`. */
export class Announcement {
  readonly #directory: string
  readonly #file: string
  readonly #entry: Omit<Entry, 'interfaces'>

  constructor(port: number, directory = RUN_DIRECTORY) {
    const { pid } = process
    this.#directory = directory
    this.#file = join(directory, `${pid}-${randomBytes(6).toString('hex')}.json`)
    const [netns, pidns] = [ownNamespace('net'), ownNamespace('pid')]
    this.#entry = { pid, startTime: startTime(pid) ?? '', pidns, netns, port }
  }

  /** Writes the file, or writes it anew. Throws what the file system says. */
  write(interfaces: readonly string[]): void {
    // The umask only takes from the mode at creation: chmod gives that back, and nobody else may ever write.
    const made = mkdirSync(this.#directory, { recursive: true, mode: 0o755 })
    if (made !== undefined) chmodSync(this.#directory, 0o755)
    const temporary = `${this.#file}.tmp`
    writeFileSync(temporary, `${JSON.stringify({ ...this.#entry, interfaces })}\n`, { mode: 0o644 })
    chmodSync(temporary, 0o644)
    // Whoever reads it sees all of it.
    renameSync(temporary, this.#file)
  }

  /** Removes the file, also when it was never written. Never throws. */
  remove(): void {
    for (const file of [this.#file, `${this.#file}.tmp`]) removeQuietly(file)
  }
}

/** The files of processes that run; those of others are removed, if that is allowed. */
export function readDirectory(directory = RUN_DIRECTORY): Entry[] {
  let files: string[]
  try {
    files = readdirSync(directory)
  } catch {
    return []
  }
  const pidns = ownNamespace('pid')
  const entries: Entry[] = []
  for (const name of files.sort()) {
    const file = join(directory, name)
    const entry = readEntry(file)
    if (entry === undefined) continue
    // Process numbers of another namespace mean nothing here.
    if (entry.pidns === pidns && !runs(entry)) removeQuietly(file)
    else entries.push(entry)
  }
  return entries
}

/** Calls `onChange` when a file comes, goes or says something else, until disposed of; never where there is no such directory. */
export function watchDirectory(onChange: () => void, directory = RUN_DIRECTORY): Disposable {
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(directory, onChange)
    // It was removed.
    watcher.on('error', () => watcher?.close())
  } catch {
    // The vnets that run have no files.
  }
  return { [Symbol.dispose]: () => watcher?.close() }
}

/** Undefined for what is no entry. */
function readEntry(file: string): Entry | undefined {
  if (!file.endsWith('.json')) return undefined
  try {
    const entry: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isEntry(entry) ? entry : undefined
  } catch {
    return undefined
  }
}

function isEntry(value: unknown): value is Entry {
  const { pid, startTime, pidns, netns, port, interfaces } = (value ?? {}) as Record<keyof Entry, unknown>
  const numbers = [pid, pidns, netns, port]
  return (
    numbers.every(number => Number.isInteger(number) && (number as number) > 0) &&
    (port as number) <= 0xffff_ffff &&
    typeof startTime === 'string' &&
    Array.isArray(interfaces) &&
    interfaces.every(name => typeof name === 'string')
  )
}

function runs(entry: Entry): boolean {
  const now = startTime(entry.pid)
  if (now !== undefined) return now === entry.startTime
  try {
    // Where /proc hides other users' processes (hidepid), they can still be asked for.
    process.kill(entry.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Undefined when there is no such process, or it is not shown. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The program's name, the second field, may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // It is not ours to remove.
  }
}
