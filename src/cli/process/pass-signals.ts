/** Passes the signals of this process on to the program that it represents. */
import { statOf } from '../../linux/proc-stat.ts'
import type { Io } from './io.ts'

/** A terminal sends these to its whole foreground process group, the program included. */
const TERMINAL_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/** Calls `kill` for each signal that the program has not got itself. Returns an undo. */
export function passSignals(io: Io, kill: (signal: NodeJS.Signals) => void): () => void {
  const stop = io.onSignal?.(signal => {
    if (!TERMINAL_SIGNALS.includes(signal) || !isForeground()) {
      kill(signal)
    }
  })
  return () => stop?.()
}

/** Returns whether this process is in the foreground process group of its terminal. */
function isForeground(): boolean {
  // State, parent, process group, session, terminal, the terminal's foreground process group.
  const [, , group, , terminal, foreground] = statOf('self') ?? []
  return terminal !== '0' && group === foreground
}
