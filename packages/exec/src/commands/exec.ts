/**
 * `vnet exec`: runs a program supervised, and passes on its streams, signals and exit status.
 * native/launch/launcher.cc installs the filter in a child process and executes the program, which
 * shares our standard streams, terminal, process group and directory.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Duplex } from 'node:stream'
import { EBUSY, EINVAL, ENOENT, ENOSYS, EPERM, EPROTO, errnoText, VnetError } from 'vnet'
import { describeException } from 'vnet/kit/base'
import { type Io, passSignals } from 'vnet/kit/cli'
import {
  BUILD_ADVICE,
  builtFile,
  check,
  closing,
  inherited,
  loadNative,
  type Native,
} from 'vnet/kit/linux'
import { FIRST_DESCRIPTOR, LAST_DESCRIPTOR } from '../generic-netlink.ts'
import { supervise } from '../supervisor.ts'

const EXIT_NOT_EXECUTABLE = 126
const EXIT_NOT_FOUND = 127
const GO = Uint8Array.of(1)
const NUMBER_LEN = 4

/** Returns the program's exit status, or 128 plus the number of the signal that ended it. */
export async function exec(program: string, args: readonly string[], io: Io): Promise<number> {
  const native = loadNative()
  // A sole program also inherits the other descriptors that this process was given.
  const given = io.sole ? inherited() : [true, true, true, false]
  const channel = given.findIndex(isOurs => !isOurs)
  const stdio = Array.from(given, (isOurs, fd) => {
    if (isOurs) return fd
    return fd === channel ? 'pipe' : 'ignore'
  })
  const words = [channel, FIRST_DESCRIPTOR, LAST_DESCRIPTOR].map(String)
  const child = spawn(builtFile('vnet-launch', 'the launcher'), [...words, program, ...args], {
    stdio,
  })
  const stop = passSignals(io, signal => void child.kill(signal))
  try {
    const onDefect = (error: unknown) => io.err(`vnet: exec: ${describeException(error)}\n`)
    const end = await toTheEnd(native, child, channel, onDefect)
    if (end.notStarted !== undefined) return notStarted(program, end.notStarted, io)
    const signal = end.signal === null ? 0 : constants.signals[end.signal]
    const status = signal === 0 ? end.status : 128 + signal
    if (io.onSignal !== undefined) {
      native.endAs(status, signal)
    }
    return status
  } finally {
    stop()
  }
}

function notStarted(program: string, errno: number, io: Io): number {
  io.err(`vnet: ${program}: ${errno === ENOENT ? 'not found' : errnoText(errno)}\n`)
  return errno === ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE
}

/** How a program ended: with a status, by a signal, or, with an errno, before it started. */
type ProgramEnd = Readonly<{
  status: number
  signal: NodeJS.Signals | null
  notStarted: number | undefined
}>

/** Settles at the program's end. Rejects with a VnetError if it could not start supervised. */
function toTheEnd(
  native: Native,
  child: ChildProcess,
  channel: number,
  onDefect: (error: unknown) => void,
): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    let supervision: Disposable | undefined
    let notStartedStatus: number | undefined
    let failure: unknown
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(
        new VnetError(
          -(error.errno ?? -EPROTO),
          'vnet-launch',
          `${error.message}: ${BUILD_ADVICE}`,
        ),
      )
    })
    // Not 'exit': the last number of the launcher may still be unread.
    child.on('close', (code, signal) => {
      supervision?.[Symbol.dispose]()
      if (failure !== undefined) {
        reject(failure)
      } else if (supervision === undefined) {
        reject(new VnetError(EPROTO, 'vnet-launch', 'it ended before it was ready'))
      } else {
        resolve({ status: code ?? 0, signal, notStarted: notStartedStatus })
      }
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
        notStartedStatus = number
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

function superviseChild(
  native: Native,
  pid: number,
  number: number,
  onDefect: (error: unknown) => void,
): Disposable {
  if (number < 0) throw new VnetError(number, 'seccomp', adviceOn(-number))
  const pidfd = check(native.pidfdOpen(pid, 0), 'pidfd_open', 'vnet exec needs Linux 5.14')
  return closing(native, pidfd, () => {
    const advice = 'vnet exec needs Linux 5.14 and the right to trace'
    return supervise(
      native,
      check(native.pidfdGetfd(pidfd, number), 'pidfd_getfd', advice),
      onDefect,
    )
  })
}

function adviceOn(errno: number): string | undefined {
  if (errno === EBUSY) return 'it is supervised already: vnet exec does not run inside vnet exec'
  if (errno === EINVAL || errno === ENOSYS) return 'vnet exec needs Linux 5.14 with seccomp filters'
  return errno === EPERM ? 'filters are forbidden here' : undefined
}
