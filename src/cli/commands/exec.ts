/** `vnet exec`: runs a program supervised, and passes on its streams, signals and exit status. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { ENOENT, errnoText } from '../../base/errno.ts'
import { describeException } from '../../base/exception.ts'
import { launch } from '../../exec/launch.ts'
import { loadNative } from '../../linux/native.ts'
import type { Io } from '../io.ts'

const EXIT_NOT_EXECUTABLE = 126
const EXIT_NOT_FOUND = 127
/** A terminal sends these to its whole foreground process group, the program included. */
const TERMINAL_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/** Returns the program's exit status, or 128 plus the number of the signal that ended it. */
export async function exec(program: string, args: readonly string[], io: Io): Promise<number> {
  const native = loadNative()
  const onDefect = (error: unknown) => io.err(`vnet: exec: ${describeException(error)}\n`)
  const launched = launch(native, program, args, { onDefect, sole: io.sole })
  const stop = io.onSignal?.(signal => {
    if (!TERMINAL_SIGNALS.includes(signal) || !isForeground()) launched.kill(signal)
  })
  try {
    const end = await launched.ended
    if (end.notStarted !== undefined) return notStarted(program, end.notStarted, io)
    const signal = end.signal === undefined ? 0 : constants.signals[end.signal]
    const status = signal === 0 ? end.status : 128 + signal
    if (io.onSignal !== undefined) native.endAs(status, signal)
    return status
  } finally {
    stop?.()
  }
}

function notStarted(program: string, errno: number, io: Io): number {
  io.err(`vnet: ${program}: ${errno === ENOENT ? 'not found' : errnoText(errno)}\n`)
  return errno === ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE
}

/** Returns whether this process is in the foreground process group of its terminal. */
function isForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  // Behind the command's name, which may contain anything: state, parent, process group, session,
  // terminal, the terminal's foreground process group.
  const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return terminal !== '0' && group === foreground
}
