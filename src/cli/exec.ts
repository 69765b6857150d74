/** `vnet exec`: a program under supervision, and this process in its place: its streams, its terminal, its signals, its end. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { launch, type ProgramEnd } from '../control/exec/launch.ts'
import { ENOENT, errnoText } from '../core/errno.ts'
import { describeException } from '../core/exception.ts'
import { loadNative } from '../kernel/native.ts'
import type { Io } from './io.ts'

const EXIT_NOT_EXECUTABLE = 126
const EXIT_NOT_FOUND = 127
/** A terminal sends these to a whole process group, and so to the program as well. */
const OF_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/** Runs a program to its end; its exit status, or 128 and the number of the signal that ended it. */
export async function exec(program: string, args: readonly string[], io: Io): Promise<number> {
  const native = loadNative()
  const onDefect = (error: unknown) => io.err(`vnet: exec: ${describeException(error)}\n`)
  const launched = launch(native, program, args, { onDefect, sole: io.sole })
  const stop = io.standIn?.onSignal(signal => {
    if (!OF_TERMINAL.includes(signal) || !isForeground()) launched.kill(signal)
  })
  try {
    const end = await launched.ended
    if (end.notStarted !== undefined) return notStarted(program, end.notStarted, io)
    const [status, signal] = [statusOf(end), end.signal ? constants.signals[end.signal] : 0]
    if (io.standIn !== undefined) native.endAs(status, signal)
    return status
  } finally {
    stop?.()
  }
}

function notStarted(program: string, errno: number, io: Io): number {
  io.err(`vnet: ${program}: ${errno === ENOENT ? 'not found' : errnoText(errno)}\n`)
  return errno === ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE
}

function statusOf({ status, signal }: ProgramEnd): number {
  return signal === undefined ? status : 128 + constants.signals[signal]
}

/** Whether our group is the one that the terminal sends its signals to. */
function isForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  // After the command's name, which may hold anything: state, parent, group, session, terminal, the terminal's group.
  const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return terminal !== '0' && group === foreground
}
