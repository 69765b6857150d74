/** `vnet exec`: runs a program supervised, and passes on its streams, signals and exit status. */
import { constants } from 'node:os'
import { ENOENT, errnoText } from 'vnet/internal/base/errno'
import { describeException } from 'vnet/internal/base/exception'
import type { Io } from 'vnet/internal/cli/io'
import { passSignals } from 'vnet/internal/cli/pass-signals'
import { loadNative } from 'vnet/internal/linux/native'
import { launch } from '../launch.ts'

const EXIT_NOT_EXECUTABLE = 126
const EXIT_NOT_FOUND = 127

/** Returns the program's exit status, or 128 plus the number of the signal that ended it. */
export async function exec(program: string, args: readonly string[], io: Io): Promise<number> {
  const native = loadNative()
  const onDefect = (error: unknown) => io.err(`vnet: exec: ${describeException(error)}\n`)
  const launched = launch(native, program, args, { onDefect, sole: io.sole })
  const stop = passSignals(io, signal => launched.kill(signal))
  try {
    const end = await launched.ended
    if (end.notStarted !== undefined) return notStarted(program, end.notStarted, io)
    const signal = end.signal === undefined ? 0 : constants.signals[end.signal]
    const status = signal === 0 ? end.status : 128 + signal
    if (io.onSignal !== undefined) native.endAs(status, signal)
    return status
  } finally {
    stop()
  }
}

function notStarted(program: string, errno: number, io: Io): number {
  io.err(`vnet: ${program}: ${errno === ENOENT ? 'not found' : errnoText(errno)}\n`)
  return errno === ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE
}
