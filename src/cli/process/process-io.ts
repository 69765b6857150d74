/** The Io of a real process: its streams, its signals and its uncaught exceptions. */
import { constants } from 'node:os'
import { isOfCallback, isOwnDefect, messageOrDescription } from '../../base/exception.ts'
import type { Deputy } from '../../control/server/snapshot.ts'
import { watchLockups } from '../lockup.ts'
import type { DriverError, End, Io } from './io.ts'
import { type ProcessLike, ProcessOutput } from './process-output.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** `vnet exec` also passes on signals that would end the process or start Node's debugger. */
const SIGNALS_PASSED_ON = [...SIGNALS, 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const

/**
 * Signals within this time after the first one, in ms, have the same cause: npm passes a terminal's
 * Ctrl-C on, and timeout(1) signals a process and then its group. A person takes longer.
 */
const SAME_CAUSE_MS = 100

/** The Io of a real process, which its main program ends. */
export interface ProcessIo extends Io {
  /** Ends the process. Output that is not read within FLUSH_MS is lost. */
  end(): Promise<void>
}

/**
 * A signal or uncaught exception notifies listeners. Without any, or again, the process exits;
 * signals within SAME_CAUSE_MS of the first count as one. A driver's rejected promise, or an
 * exception in its callback, ends nothing if something listens for it. `lockupMs` is for tests.
 *
 * SIGHUP reloads if something listens for that. A process that systemd started ignores it
 * otherwise: `systemctl reload` would stop the service, with status 0, which Restart=on-failure
 * does not start again.
 */
export function processIo(process: ProcessLike, lockupMs?: number): ProcessIo {
  let lockups: Promise<Deputy | undefined> | undefined
  const { stderr } = process
  const output = new ProcessOutput(process)
  const ends = new Ends(process, output)
  return {
    sole: true,
    own: true,
    watchLockups(name) {
      lockups ??= watchLockups(name, lockupMs)
      return lockups
    },
    deputy: async () => await lockups,
    out: (text, colour) => output.print(text, colour),
    err: text => output.put('err', text),
    pass: (to, bytes) => output.pass(to, bytes),
    writeLater: () => output.writeLater(),
    room: () => output.room(),
    ...(stderr.isTTY && {
      progress: line => output.put('err', progressText(line, stderr.columns)),
    }),
    logLine: (to, line, lostLine) => output.logLine(to, line, lostLine),
    end: () => output.end(),
    onEnd: fn => ends.listen(fn),
    onDriverError: listenToErrors(process, ends),
    onClosed: fn => output.onClosed(fn),
    ...listenToSignals(process, output, ends),
  }
}

/** What asks the process to end: a signal, or a defect. */
class Ends {
  readonly #process: ProcessLike
  readonly #output: ProcessOutput
  readonly #listeners = new Set<(end: End) => void>()
  /** True once a run has listened, which may then end without a request. */
  #hasRun = false
  #first: End | undefined
  /** Whether the signals of one cause may still arrive; undefined before the first. */
  #isSameCause: boolean | undefined

  constructor(process: ProcessLike, output: ProcessOutput) {
    this.#process = process
    this.#output = output
  }

  listen(fn: (end: End) => void): () => void {
    this.#hasRun = true
    return addingTo(this.#listeners)(fn)
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#isSameCause) return
    if (this.#isSameCause === undefined) {
      this.#isSameCause = true
      // Signals that arrived while JavaScript ran are handled before the immediate.
      const end = () => {
        this.#isSameCause = false
      }
      setTimeout(() => setImmediate(end).unref(), SAME_CAUSE_MS).unref()
    }
    this.#end({ signal })
  }

  defect(defect: unknown): void {
    // One defect often causes others. The first is reported, and its run is already ending.
    if (this.#first !== undefined && 'defect' in this.#first && this.#listeners.size > 0) return
    this.#end({ defect })
  }

  #end(end: End): void {
    const isFirst = this.#first === undefined
    this.#first ??= end
    if (isFirst && this.#listeners.size > 0) {
      for (const fn of [...this.#listeners]) {
        fn(end)
      }
    } else if ('defect' in end) {
      this.#output.exitWith(`vnet: ${messageOrDescription(end.defect)}\n`)
    } else if (isFirst && this.#hasRun) {
      // The run has ended already, with its own exit status.
      return
    } else {
      // Nothing to take down, or the second signal: the kernel removes the rest with the
      // descriptors.
      this.#output.exit(Number(this.#process.exitCode ?? 128 + constants.signals[end.signal]))
    }
  }
}

function listenToSignals(
  process: ProcessLike,
  output: ProcessOutput,
  ends: Ends,
): Required<Pick<Io, 'onReload' | 'onSignal'>> {
  const reloads = new Set<() => void>()
  let listeners = 0
  // systemd.exec(5): other processes of the service inherit the variable, with another process id.
  const isService =
    process.pid !== undefined && process.env?.SYSTEMD_EXEC_PID === String(process.pid)
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (listeners > 0) return
      if (signal === 'SIGHUP' && reloads.size > 0) {
        for (const fn of [...reloads]) {
          fn()
        }
      } else if (signal === 'SIGHUP' && isService) {
        output.put('err', 'vnet: SIGHUP ignored: there is nothing to read again\n')
      } else {
        ends.signal(signal)
      }
    })
  }
  return {
    onReload: addingTo(reloads),
    onSignal(fn) {
      listeners++
      const passed = SIGNALS_PASSED_ON.map(signal => [signal, () => fn(signal)] as const)
      for (const [signal, listener] of passed) {
        process.on(signal, listener)
      }
      return () => {
        listeners--
        for (const [signal, listener] of passed) {
          process.off(signal, listener)
        }
      }
    },
  }
}

function listenToErrors(process: ProcessLike, ends: Ends): NonNullable<Io['onDriverError']> {
  const listeners = new Set<(what: DriverError, error: unknown) => void>()
  function onError(what: DriverError, error: unknown, isDrivers: boolean): void {
    if (listeners.size === 0 || !isDrivers) {
      ends.defect(error)
    } else {
      for (const fn of [...listeners]) {
        fn(what, error)
      }
    }
  }
  process.on('uncaughtException', error =>
    onError('uncaught exception', error, isOfCallback(error)),
  )
  process.on('unhandledRejection', reason =>
    onError('rejected promise', reason, !isOwnDefect(reason)),
  )
  return addingTo(listeners)
}

/** Returns the text that replaces the last line, cut to the width of the terminal if known. */
const progressText = (line = '', columns = 0): string =>
  `\r${line.slice(0, (columns || 80) - 1)}\x1b[K`

/** Returns a function that adds a listener and returns an undo. */
function addingTo<T>(listeners: Set<T>): (fn: T) => () => void {
  return fn => {
    listeners.add(fn)
    return () => listeners.delete(fn)
  }
}
