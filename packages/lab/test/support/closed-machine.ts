/**
 * The user's machine of the stand-in for the Internet, in a PID namespace and with directories for
 * temporary files of its own: everything that is in them was left by programs of the test.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from '#src/base/errno.ts'
import type { Child } from '#support/netns.ts'
import { TREE, USER } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import type { standInInternet } from './internet.ts'

/**
 * Process 1, which ends with this process. It ignores SIGCHLD, so the kernel reaps processes that
 * have lost their parent.
 */
const FIRST = ['perl', '-e', '$SIG{CHLD} = "IGNORE"; $| = 1; print "\\n"; <STDIN>']

/** The directory of files that remain. */
export const KEPT = '/run/kept'

/** What there is of the machine, apart from process 1. */
export interface Contents {
  /** The command lines of the processes. */
  readonly processes: readonly string[]
  /** In /run, and in the directories for temporary files and control sockets. */
  readonly files: readonly string[]
  readonly mounts: readonly string[]
  readonly unixSockets: readonly string[]
  readonly interfaces: readonly string[]
}

export class ClosedMachine implements Disposable {
  readonly #child: ChildProcess
  /** Process 1, by its number outside. */
  readonly #first: number
  readonly #directory: string

  private constructor(child: ChildProcess, first: number, directory: string) {
    this.#child = child
    this.#first = first
    this.#directory = directory
  }

  static async start({
    vnet,
    directory,
  }: ReturnType<typeof standInInternet>): Promise<ClosedMachine> {
    const before = `
      for at in /tmp /dev/shm; do mount -t tmpfs -o mode=1777 none $at; done
      mkdir -p ${directory}; chmod 700 ${directory}; chown ${NOBODY} ${directory}
      mkdir -m 777 ${KEPT}`
    const words = vnet('run', { before })
    const as = words.indexOf(USER[0] as string)
    const part = words.indexOf('unshare') + 1
    const own = ['--pid', '--fork', '--kill-child', '--mount-proc']
    const [program, ...args] = [
      ...words.slice(0, part),
      ...own,
      ...words.slice(part, as),
      ...FIRST,
    ] as [string, ...string[]]
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    const [first] = childrenOf(child.pid as number)
    return new ClosedMachine(child, first as number, directory)
  }

  /** Starts `vnet ARGS` as the user. The child is not vnet, but its parent. */
  vnet(...args: readonly string[]): Child {
    return this.user(process.execPath, `${TREE}/dist/vnet.js`, ...args)
  }

  /** The same with any program. */
  user(...command: readonly string[]): Child {
    const within = [
      '-t',
      `${this.#first}`,
      '--mount',
      '--pid',
      '--net',
      `--wd=/proc/${this.#first}/root${TREE}`,
    ]
    const env = {
      HOME: '/',
      XDG_RUNTIME_DIR: this.#directory,
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    }
    const words = [...within, '--', ...USER, ...command]
    return spawn('nsenter', words, { stdio: 'pipe', env })
  }

  contents(): Contents {
    const lines = (file: string) =>
      readFileSync(`/proc/${this.#first}/${file}`, 'utf8').trimEnd().split('\n')
    const root = `/proc/${this.#first}/root`
    const processes = readdirSync(join(root, 'proc')).filter(
      name => /^\d+$/.test(name) && name !== '1',
    )
    const command = (pid: string) =>
      attempt(() => readFileSync(join(root, 'proc', pid, 'cmdline'), 'latin1')) ?? ''
    const filesIn = (path: string): string[] =>
      readdirSync(join(root, path), { withFileTypes: true }).flatMap(entry => {
        const at = join(path, entry.name)
        return [at, ...(entry.isDirectory() && at !== TREE && at !== KEPT ? filesIn(at) : [])]
      })
    return {
      processes: processes.map(pid => `${pid} ${command(pid).replaceAll('\0', ' ')}`),
      files: ['/run', '/tmp', '/dev/shm'].flatMap(filesIn),
      // Other tests make named namespaces.
      mounts: lines('mountinfo').filter(line => !line.includes(' /run/netns/')),
      unixSockets: lines('net/unix').slice(1),
      interfaces: lines('net/dev')
        .slice(2)
        .map(line => line.split(':')[0] as string),
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}

/** Returns the children of a process. */
export function childrenOf(pid: number): number[] {
  const threads = attempt(() => readdirSync(`/proc/${pid}/task`)) ?? []
  const of = (thread: string) =>
    attempt(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1')) ?? ''
  return threads.flatMap(thread => of(thread).split(' ').filter(Boolean).map(Number))
}

/** Returns a process and its descendants, each with its command line. */
export function descendants(pid: number): { pid: number; words: string }[] {
  const words = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1')) ?? ''
  return [{ pid, words: words.replaceAll('\0', ' ') }, ...childrenOf(pid).flatMap(descendants)]
}
