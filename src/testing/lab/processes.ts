/**
 * Finds and kills the processes of a lab. A program may start others, leave its session, or enter
 * other namespaces, so a process is recognized by facts that nobody else can forge: its network
 * namespace, the files mounted in its /etc, and its parent.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'

/** Limits the search for processes that are started while others are stopped. */
const ROUNDS = 100

/** Marks of a lab's processes, which no other process has. */
export interface ProcessMarks {
  /** Descriptors of the lab's network namespaces. */
  readonly namespaces?: readonly number[]
  /** The lab's directory, from which files are mounted in /etc. */
  readonly directory?: string
  /** Process ids of children of this process. */
  readonly children?: readonly number[]
}

/** A process, as /proc shows it. */
interface Status {
  /** One letter (proc_pid_stat(5)). */
  readonly state: string
  readonly parent: number
}

/**
 * Kills each process that has one of the marks, and all its descendants. Stops them first, because
 * a stopped process starts no children and does not leave the ones it has to another parent.
 */
export function killProcesses({ namespaces = [], directory, children = [] }: ProcessMarks): void {
  const isInside = inNamespaces(namespaces)
  const isMounted = directory === undefined ? () => false : mountsFrom(directory)
  const found = new Set(children)
  for (let round = 0; round < ROUNDS; round++) {
    const before = found.size
    const running = runningProcesses()
    for (const pid of running.keys()) if (isInside(pid) || isMounted(pid)) found.add(pid)
    addDescendants(running, found)
    for (const pid of found) attempt(() => process.kill(pid, 'SIGSTOP'))
    if (found.size === before) break
  }
  for (const pid of found) attempt(() => process.kill(pid, 'SIGKILL'))
}

/** Whether a process has not ended. A zombie has, although its parent has not waited for it. */
export function isAlive(pid: number): boolean {
  const { state = 'X' } = statusOf(pid) ?? {}
  return !/[ZX]/.test(state)
}

/** Returns the processes that have not ended, except this one. */
function runningProcesses(): Map<number, Status> {
  const running = new Map<number, Status>()
  for (const pid of readdirSync('/proc').map(Number)) {
    const status = pid > 0 && pid !== process.pid ? statusOf(pid) : undefined
    if (status !== undefined && !/[ZX]/.test(status.state)) running.set(pid, status)
  }
  return running
}

function addDescendants(running: ReadonlyMap<number, Status>, found: Set<number>): void {
  const children = new Map<number, number[]>()
  for (const [pid, { parent }] of running) children.set(parent, [...(children.get(parent) ?? []), pid])
  // The loop also visits the ones that it adds.
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child)
}

/** Returns undefined for a process that does not exist. */
function statusOf(pid: number): Status | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  // The name of the program, in parentheses, may contain anything.
  const [state, parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return state === undefined ? undefined : { state, parent: Number(parent) }
}

function inNamespaces(nsfds: readonly number[]): (pid: number) => boolean {
  const key = ({ dev, ino }: { readonly dev: number; readonly ino: number }) => `${dev}:${ino}`
  const known = new Set(nsfds.map(nsfd => key(fstatSync(nsfd))))
  if (known.size === 0) return () => false
  return pid => attempt(() => known.has(key(statSync(`/proc/${pid}/ns/net`)))) === true
}

/**
 * Returns a function that tells whether a file below `directory` is mounted in a process's /etc.
 * Compares the device and the path in the file system, which no other file has.
 */
function mountsFrom(directory: string): (pid: number) => boolean {
  const origin = attempt(() => originOf(directory))
  const own = statSync('/proc/self/ns/mnt').ino
  if (origin === undefined) return () => false
  return pid =>
    attempt(() => {
      // Most processes share the mounts of this one, which has none of its own labs.
      if (statSync(`/proc/${pid}/ns/mnt`).ino === own) return false
      return mountsOf(pid).some(({ device, root, at }) => {
        return device === origin.device && root.startsWith(`${origin.root}/`) && at.startsWith('/etc/')
      })
    }) === true
}

interface Mount {
  readonly id: string
  /** Major and minor number. */
  readonly device: string
  /** The path, in its file system, of the directory or file that is mounted. */
  readonly root: string
  /** The mount point. */
  readonly at: string
}

/** Reads /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
function mountsOf(pid: number | 'self'): Mount[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trimEnd().split('\n')
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
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/thread-self/fdinfo/${fd}`, 'latin1')) ?? []
    const mount = mountsOf('self').find(each => each.id === id)
    if (mount === undefined) return undefined
    const { device, root, at } = mount
    const relative = realpathSync(directory).slice(at === '/' ? 0 : at.length)
    return { device, root: (root === '/' ? '' : root) + relative }
  } finally {
    closeSync(fd)
  }
}

/** Returns undefined for a process that has ended, or that we may not look at. */
function attempt<T>(fn: () => T): T | undefined {
  try {
    return fn()
  } catch {
    return undefined
  }
}
