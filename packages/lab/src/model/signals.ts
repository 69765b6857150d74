/** How a program has ended by a signal, also below a shell. */
import { constants } from 'node:os'

/** A shell adds the number of the signal that has ended its command. The last that counts. */
const SIGNALLED = 128
const SIGNALS_MAX = 31

/** The end of a program: `status` is null if a signal has ended it, or if it has not ended. */
export interface ProgramEnd {
  readonly status: number | null
  readonly signal: NodeJS.Signals | undefined
}

/** Returns the signal that has ended a program, also below a shell; undefined without one. */
export function signalOf({ status, signal }: ProgramEnd): NodeJS.Signals | undefined {
  if (signal !== undefined || status === null) return signal
  const number = status - SIGNALLED
  return number < 1 || number > SIGNALS_MAX ? undefined : signalNamed(number)
}

/** Returns the name of a signal; undefined if this system has none of the number. */
export function signalNamed(number: number): NodeJS.Signals | undefined {
  const [name] = Object.entries(constants.signals).find(([, each]) => each === number) ?? []
  return name as NodeJS.Signals | undefined
}
