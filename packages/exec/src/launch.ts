/**
 * Starts a program under supervision: native/launcher.cc installs the filter in a child process and
 * executes the program, which shares our standard streams, terminal, process group and directory.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { EBUSY, EINVAL, ENOSYS, EPERM, EPROTO, VnetError } from 'vnet/internal/base/errno'
import { check, closing } from 'vnet/internal/linux/errno'
import { inherited } from 'vnet/internal/linux/inherited'
import { BUILD_ADVICE, builtFile, type Native } from 'vnet/internal/linux/native'
import { FIRST_DESCRIPTOR, LAST_DESCRIPTOR } from './generic-netlink.ts'
import { supervise } from './supervisor.ts'

const GO = Uint8Array.of(1)
/** The launcher writes 32-bit numbers. */
const NUMBER_LEN = 4

/** How a program ended: with a status, by a signal, or, with an errno, before it started. */
export interface ProgramEnd {
  readonly status: number
  readonly signal: NodeJS.Signals | undefined
  readonly notStarted: number | undefined
}

export interface Launched {
  /** Sends it a signal; harmless when it has ended. */
  kill(signal: NodeJS.Signals): void
  /**
   * Settles when it ends. Rejects with a VnetError if it could not be supervised; then it was not
   * started.
   */
  readonly ended: Promise<ProgramEnd>
}

export interface LaunchOptions {
  /** Called with an exception of the supervisor, which is a defect. */
  readonly onDefect: (error: unknown) => void
  /** Whether the program also inherits the other descriptors that this process was given. */
  readonly sole?: boolean | undefined
}

/** Starts a program, which is looked up as by execvp(3). */
export function launch(native: Native, program: string, args: readonly string[], options: LaunchOptions): Launched {
  const given = options.sole ? inherited() : [true, true, true, false]
  const channel = given.findIndex(isOurs => !isOurs)
  const stdio = Array.from(given, (isOurs, fd) => (isOurs ? fd : fd === channel ? 'pipe' : 'ignore'))
  const words = [channel, FIRST_DESCRIPTOR, LAST_DESCRIPTOR].map(String)
  const child = spawn(builtFile('vnet-launch', 'the launcher'), [...words, program, ...args], { stdio })
  return { kill: signal => void child.kill(signal), ended: toTheEnd(native, child, channel, options.onDefect) }
}

function toTheEnd(
  native: Native,
  child: ChildProcess,
  channel: number,
  onDefect: LaunchOptions['onDefect'],
): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    let supervision: Disposable | undefined
    let notStarted: number | undefined
    let failure: unknown
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(new VnetError(-(error.errno ?? -EPROTO), 'vnet-launch', `${error.message}: ${BUILD_ADVICE}`))
    })
    // Not 'exit': the last number of the launcher may still be unread.
    child.on('close', (code, signal) => {
      supervision?.[Symbol.dispose]()
      if (failure !== undefined) reject(failure)
      else if (supervision === undefined) reject(new VnetError(EPROTO, 'vnet-launch', 'it ended before it was ready'))
      else resolve({ status: code ?? 0, signal: signal ?? undefined, notStarted })
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
        supervision = superviseChild(native, child.pid ?? 0, number, onDefect)
        stream.write(GO)
      } catch (error) {
        failure = error
        // The launcher waits for a byte from us and ends at the end of the stream.
        stream.destroy()
      }
    })
  })
}

function superviseChild(native: Native, pid: number, number: number, onDefect: LaunchOptions['onDefect']): Disposable {
  if (number < 0) throw new VnetError(number, 'seccomp', adviceOn(-number))
  const pidfd = check(native.pidfdOpen(pid, 0), 'pidfd_open', 'vnet exec needs Linux 5.14')
  return closing(native, pidfd, () => {
    const advice = 'vnet exec needs Linux 5.14 and the right to trace'
    return supervise(native, check(native.pidfdGetfd(pidfd, number), 'pidfd_getfd', advice), onDefect)
  })
}

function adviceOn(errno: number): string | undefined {
  if (errno === EBUSY) return 'it is supervised already: vnet exec does not run inside vnet exec'
  if (errno === EINVAL || errno === ENOSYS) return 'vnet exec needs Linux 5.14 with seccomp filters'
  return errno === EPERM ? 'filters are forbidden here' : undefined
}
