/**
 * Finds and kills the processes of a lab. A program may start others, leave its session, or enter
 * other namespaces. So a process is recognized by facts that it cannot forge: its network
 * namespace, the files mounted in its /etc, and its parent.
 */
import * as fs from 'node:fs'
import { attempt } from 'vnet'
import { fieldsOf } from 'vnet/kit/linux'
import { openFile } from '../model/open-file.ts'

/** The maximum number of scans of /proc, and of scans before the found processes are killed. */
const ROUNDS = 100
const STOPS = 20
/** Bytes of /proc/PID/stat that hold the name, of at most 64 bytes, the state and the parent. */
const STAT_BYTES = 128
/** States of a process that has ended: a zombie, or dead. */
const ENDED = /[ZX]/

/** Marks of a lab's processes. No other process has them. */
export interface ProcessMarks {
  /** Descriptors of the lab's network namespaces. */
  readonly namespaces?: readonly number[]
  /** The lab's directory, from which files are mounted in /etc. */
  readonly directory?: string
  readonly children?: readonly number[]
}

interface Status {
  /** One letter (proc_pid_stat(5)). */
  readonly state: string
  readonly parent: number
}

/**
 * Kills each process that has one of the marks, and all its descendants. Stops them first, because
 * a stopped process starts no children and does not leave its own to another parent. When a parent
 * dies, the kernel may let its stopped children run again (setpgid(2), orphaned process groups). So
 * children are killed first, and the search ends only after a scan that started after all processes
 * were killed. Where /proc has the numbers of another PID namespace, kills `children` only.
 */
export function killProcesses({ namespaces = [], directory, children = [] }: ProcessMarks): void {
  if (!hasOwnNumbers()) {
    for (const pid of children) {
      signal(pid, 'SIGKILL')
    }
    return
  }
  const found = new Set(children)
  const isInside = inNamespaces(namespaces)
  const isMounted = directory === undefined ? () => false : mountsFrom(directory)
  /** Processes that were killed, and processes that signals do not reach. */
  const done = new Set<number>()
  let left: readonly number[] = children
  let known: ReadonlySet<number> = new Set()
  for (let round = 0, stops = 0; round < ROUNDS; round++) {
    const areStopped = left.every(isStopped)
    const before = found.size
    const { running, ended } = scan()
    for (const pid of running.keys()) {
      if (isInside(pid) || isMounted(pid)) {
        found.add(pid)
      }
    }
    addDescendants(running, found)
    left = [...found].filter(pid => running.has(pid) && !done.has(pid))
    // A process that ended during the scan may have started another after /proc was listed.
    const isWhole = ended.every(pid => found.has(pid) || known.has(pid))
    known = new Set(ended)
    if (!(areStopped && isWhole && found.size === before) && ++stops < STOPS) {
      stopAll(left, done)
      continue
    }
    if (left.length === 0) return
    killAll([...left].reverse(), done)
    stops = 0
  }
  killAll(found, done)
}

/** Stops processes. Adds a process to `done` if it has ended or may not be signalled. */
function stopAll(pids: Iterable<number>, done: Set<number>): void {
  for (const pid of pids) {
    if (!signal(pid, 'SIGSTOP')) {
      done.add(pid)
    }
  }
}

/** Kills processes that are not done, and adds them to `done`. */
function killAll(pids: Iterable<number>, done: Set<number>): void {
  for (const pid of pids) {
    if (done.has(pid)) continue
    signal(pid, 'SIGKILL')
    done.add(pid)
  }
}

/**
 * Returns whether a process has not ended. A zombie has ended, although its parent has not waited
 * for it. /proc may hide the processes of other users (hidepid); signals still find them.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const state = hasOwnNumbers() ? statusOf(pid)?.state : undefined
  return state === undefined || !ENDED.test(state)
}

/** Whether a process that was sent SIGSTOP has stopped. One that waits for a child sleeps in D. */
function isStopped(pid: number): boolean {
  const state = statusOf(pid)?.state
  return state === undefined || !/[RS]/.test(state)
}

/** Returns false for a process that has ended, or that we may not signal. */
const signal = (pid: number, name: NodeJS.Signals): boolean =>
  attempt(() => process.kill(pid, name)) === true

/** Returns whether /proc is of our PID namespace: kill(2) takes its numbers. */
export const hasOwnNumbers = (): boolean =>
  attempt(() => fs.readlinkSync('/proc/self')) === String(process.pid)

/** Returns all processes except this one: the running ones and the ended ones. */
function scan(): { readonly running: Map<number, Status>; readonly ended: readonly number[] } {
  const running = new Map<number, Status>()
  const ended: number[] = []
  const into = Buffer.alloc(STAT_BYTES)
  for (const pid of fs.readdirSync('/proc').map(Number)) {
    if (!(pid > 0) || pid === process.pid) continue
    const status = statusOf(pid, into)
    if (status === undefined || ENDED.test(status.state)) {
      ended.push(pid)
    } else {
      running.set(pid, status)
    }
  }
  return { running, ended }
}

function addDescendants(running: ReadonlyMap<number, Status>, found: Set<number>): void {
  const children = new Map<number, number[]>()
  for (const [pid, { parent }] of running) {
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  // The loop also visits processes that it adds.
  for (const pid of found) {
    for (const child of children.get(pid) ?? []) {
      found.add(child)
    }
  }
}

/**
 * Returns undefined for a process that does not exist. Reads through `into`, because readFileSync
 * of every process allocates so much that most of a scan would be garbage collection.
 */
function statusOf(pid: number, into = Buffer.alloc(STAT_BYTES)): Status | undefined {
  const stat = attempt(() => {
    using file = openFile(`/proc/${pid}/stat`, 'r')
    return into.toString('latin1', 0, fs.readSync(file.fd, into))
  })
  const [state, parent] = stat === undefined ? [] : fieldsOf(stat)
  return state === undefined ? undefined : { state, parent: Number(parent) }
}

function inNamespaces(nsfds: readonly number[]): (pid: number) => boolean {
  const known = new Set(nsfds.map(nsfd => `net:[${fs.fstatSync(nsfd).ino}]`))
  if (known.size === 0) return () => false
  return pid => attempt(() => known.has(fs.readlinkSync(`/proc/${pid}/ns/net`))) === true
}

/**
 * Returns a function that returns whether a file below `directory` is mounted in a process's /etc.
 * It compares the device and the path in the file system, which no other file has.
 */
function mountsFrom(directory: string): (pid: number) => boolean {
  const origin = attempt(() => originOf(directory))
  const own = fs.readlinkSync('/proc/self/ns/mnt')
  if (origin === undefined) return () => false
  return pid =>
    attempt(() => {
      // Most processes share the mounts of this one, which contain none of its own labs.
      if (fs.readlinkSync(`/proc/${pid}/ns/mnt`) === own) return false
      return mountsOf(pid).some(({ device, root, at }) => {
        return (
          device === origin.device && root.startsWith(`${origin.root}/`) && at.startsWith('/etc/')
        )
      })
    }) === true
}

interface Mount {
  readonly id: string
  readonly device: string
  /** The path, in its file system, of the directory or file that is mounted. */
  readonly root: string
  readonly at: string
}

/** Reads /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
function mountsOf(pid: number | 'self'): Mount[] {
  const lines = fs.readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trimEnd().split('\n')
  return lines.map(line => {
    const [id = '', , device = '', root = '', at = ''] = line.split(' ').map(unescapePath)
    return { id, device, root, at }
  })
}

/** Paths have white space and backslashes as \ooo. */
function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** Returns the device of a directory, and its path in the file system. */
function originOf(directory: string): Pick<Mount, 'device' | 'root'> | undefined {
  using file = openFile(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  const [, id] =
    /^mnt_id:\s*(\d+)$/m.exec(fs.readFileSync(`/proc/thread-self/fdinfo/${file.fd}`, 'latin1')) ??
    []
  const mount = mountsOf('self').find(each => each.id === id)
  if (mount === undefined) return undefined
  const { device, root, at } = mount
  const relative = fs.realpathSync(directory).slice(at === '/' ? 0 : at.length)
  return { device, root: (root === '/' ? '' : root) + relative }
}
