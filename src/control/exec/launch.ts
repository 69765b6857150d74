/**
 * A program started under supervision: native/launcher.cc installs the filter in a child of ours and becomes the program, which has our
 * standard streams, terminal, process group and directory.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { EBUSY, EINVAL, ENOENT, ENOSYS, EPERM, EPROTO, VnetError } from '../../core/errno.ts'
import { check } from '../../kernel/errno.ts'
import type { Native } from '../../kernel/native.ts'
import { FIRST_DESCRIPTOR, LAST_DESCRIPTOR, type SuperviseOptions, supervise } from './supervisor.ts'

const GO = Uint8Array.of(1)
/** The launcher says numbers, one of them this long. */
const NUMBER_LEN = 4

/** How a program ended: by itself or by a signal; or, with an errno, that it did not begin. */
export interface ProgramEnd {
  readonly status: number
  readonly signal: NodeJS.Signals | undefined
  readonly notStarted?: number
}

export interface Launched {
  /** Sends it a signal; harmless when it has ended. */
  kill(signal: NodeJS.Signals): void
  /** Settles when it ends. Rejects with a VnetError when it could not be supervised, and then it was not started. */
  readonly ended: Promise<ProgramEnd>
}

export interface LaunchOptions extends SuperviseOptions {
  /** This process is there for the program alone: what it was given beside the standard streams is the program's as well. */
  readonly sole?: boolean | undefined
}

/** Starts a program, found as execvp(3) finds it. */
export function launch(native: Native, program: string, args: readonly string[], options: LaunchOptions): Launched {
  const given = options.sole ? inherited() : [true, true, true, false]
  const channel = given.findIndex(isOurs => !isOurs)
  const stdio = Array.from(given, (isOurs, fd) => (isOurs ? fd : fd === channel ? 'pipe' : 'ignore'))
  const words = [channel, FIRST_DESCRIPTOR, LAST_DESCRIPTOR].map(String)
  const child = spawn(launcher(), [...words, program, ...args], { stdio })
  return { kill: signal => void child.kill(signal), ended: toTheEnd(native, child, channel, options) }
}

function toTheEnd(
  native: Native,
  child: ChildProcess,
  channel: number,
  options: SuperviseOptions,
): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    let supervision: Disposable | undefined
    let notStarted: number | undefined
    let failure: unknown
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(new VnetError(-(error.errno ?? -EPROTO), 'vnet-launch', `${error.message}: run \`npm run setup\``))
    })
    // Not 'exit': what the launcher said last may still be unread.
    child.on('close', (code, signal) => {
      supervision?.[Symbol.dispose]()
      if (failure !== undefined) reject(failure)
      else if (supervision === undefined) reject(new VnetError(EPROTO, 'vnet-launch', 'it ended before it was ready'))
      else
        resolve({ status: code ?? 0, signal: signal ?? undefined, ...(notStarted === undefined ? {} : { notStarted }) })
    })
    const stream = child.stdio[channel] as Duplex | null | undefined
    let octets = Buffer.alloc(0)
    stream?.on('error', () => {})
    stream?.on('data', (more: Buffer) => {
      octets = Buffer.concat([octets, more])
      if (octets.length < NUMBER_LEN) return
      const number = octets.readInt32LE()
      octets = octets.subarray(NUMBER_LEN)
      if (supervision !== undefined) {
        notStarted = number
        return
      }
      try {
        supervision = superviseChild(native, child.pid ?? 0, number, options)
        stream.write(GO)
      } catch (error) {
        failure = error
        // It waits for a word from us, and ends when there is none.
        stream.destroy()
      }
    })
  })
}

function superviseChild(native: Native, pid: number, number: number, options: SuperviseOptions): Disposable {
  if (number < 0) throw new VnetError(number, 'seccomp', adviceOn(-number))
  const pidfd = check(native.pidfdOpen(pid, 0), 'pidfd_open', 'vnet exec needs Linux 5.14')
  try {
    const fd = check(
      native.pidfdGetfd(pidfd, number),
      'pidfd_getfd',
      'vnet exec needs Linux 5.14 and the right to trace',
    )
    return supervise(native, fd, options)
  } finally {
    native.close(pidfd)
  }
}

function adviceOn(errno: number): string | undefined {
  if (errno === EBUSY) return 'it is supervised already: vnet exec does not run inside vnet exec'
  if (errno === EINVAL || errno === ENOSYS) return 'vnet exec needs Linux 5.14 with seccomp filters'
  return errno === EPERM ? 'filters are forbidden here' : undefined
}

/** Of build/Release, or of the package's prebuilds. Throws a VnetError when there is none. */
function launcher(): string {
  // src/control/exec and dist/control/exec lie equally deep.
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const candidates = [`${root}build/Release/vnet-launch`, `${root}prebuilds/linux-${process.arch}/vnet-launch`]
  const path = candidates.find(file => statSync(file, { throwIfNoEntry: false }) !== undefined)
  if (path !== undefined) return path
  throw new VnetError(ENOENT, 'vnet-launch', `it is not built: run \`npm run setup\` in ${root}`)
}

/**
 * By number, whether a descriptor is one that we were given. Node marks the lower ones as its own, so that they are told apart by what
 * they are: it takes the lowest free numbers, an epoll the first, then pipes of which it has both ends, and copies of the terminal.
 */
function inherited(): boolean[] {
  const names: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      names[Number(fd)] = readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      // By which they were listed.
    }
  }
  const first = names.indexOf('anon_inode:[eventpoll]')
  const later = names.slice(first)
  const isNodes = (name: string) =>
    name.startsWith('anon_inode:') ||
    name === '/dev/null' ||
    (name.startsWith('pipe:') && later.indexOf(name) !== later.lastIndexOf(name)) ||
    (/^\/dev\/(pts\/|tty)/.test(name) && names.indexOf(name) < 3)
  return Array.from(names, (name: string | undefined, fd) => name !== undefined && (fd < first || !isNodes(name)))
}
