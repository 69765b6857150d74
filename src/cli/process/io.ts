/** The process around a command. Passed in, so that tests run commands in-process. */

import { constants } from 'node:os'
import {
  LOGLEVEL_DEBUG,
  LOGLEVEL_ERR,
  LOGLEVEL_INFO,
  LOGLEVEL_WARNING,
  printable,
  within,
} from '../../base/index.ts'
import type { FindOptions } from '../../control/client/find.ts'
import type { Deputy } from '../../control/server/snapshot.ts'

/**
 * The surroundings of a command: its output, signals and thread. Every command gets them from
 * main(), so that it runs alike in a process of its own (ProcessIo) and in a test. Absent methods
 * are things that these surroundings do not have.
 */
export interface Io {
  /**
   * Writes unchanged text to standard output and standard error; in a colour, which applies to
   * whole lines, if standard output is a terminal that shows colours.
   */
  out(text: string, colour?: Colour): void
  err(text: string): void
  /** Writes the output of a user's command, which may control the terminal. Absent: as text. */
  pass?(to: 'out' | 'err', bytes: Uint8Array): void
  /** The command line, quoted for a shell; for advice that repeats it. */
  readonly commandLine?: string
  /** The directories of vnets, and the owners of others; by default as on this machine. */
  readonly find?: Pick<FindOptions, 'directory' | 'users'> | undefined
  /** True with `--json`: errors are JSON objects too. */
  readonly json?: boolean
  /**
   * Called by a long-running command: from here on `out` and `err` queue the text, so that the
   * caller never waits for a terminal, a pipe or a disk.
   */
  writeLater?(): void
  /**
   * After writeLater(): settles when standard output has room for more text; undefined if it has
   * now. An endless command waits for it, so that its queue is bounded.
   */
  room?(): Promise<void> | undefined
  /**
   * Writes a log line. After writeLater() the line is lost if too much text is queued before it;
   * `lostLine` then makes the line that reports how many were lost. Absent: like any other text.
   */
  logLine?(to: 'out' | 'err', line: string, lostLine: (lines: number) => string): void
  /**
   * Shows a line at the bottom of the terminal in place of the one before; undefined removes it.
   * Absent if standard error is not a terminal.
   */
  progress?(line: string | undefined): void
  /** Calls `fn` when the program is to end: a signal, or an uncaught exception. Returns an undo. */
  onEnd(fn: (end: End) => void): () => void
  /**
   * Calls `fn` with each rejected promise of a driver that nothing handles, and each exception in a
   * callback of a driver. They end the program if nothing listens, like all errors of vnet's own
   * code. Returns an undo.
   */
  onDriverError?(fn: (what: DriverError, error: unknown) => void): () => void
  /** Calls `fn` on SIGHUP, which then does not end the program. Returns an undo. */
  onReload?(fn: () => void): () => void
  /** Calls `fn` when the reader of standard output has closed it (`| head -1`). Returns an undo. */
  onClosed?(fn: () => void): () => void
  /**
   * True if the process runs only vnet's own code. The main thread then has its own descriptor
   * table, separate from Node's thread pool.
   */
  readonly sole?: boolean
  /** True if the process exists for this command, which then drops privileges once ready. */
  readonly own?: boolean
  /**
   * Starts the watchdog for lockups. Settles when the main thread may unshare its descriptors.
   * Absent if the process is not vnet's.
   */
  watchLockups?(name: string): Promise<unknown>
  /** Returns the watchdog's thread, if it was started, which can stand in for the main thread. */
  deputy?(): Promise<Deputy | undefined>
  /**
   * For `vnet exec`, which represents another program: calls `fn` for every signal, none of which
   * ends the process meanwhile. Returns an undo. Absent if the process is not vnet's.
   */
  onSignal?(fn: (signal: NodeJS.Signals) => void): () => void
}

export type Colour = 'red'

export type DriverError = 'rejected promise' | 'uncaught exception'

/** A signal, which ends a run normally, or an uncaught exception. */
export type End = { readonly signal: NodeJS.Signals } | { readonly defect: unknown }

/** Exit statuses. */
export const EXIT_OK = 0
export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2

/** Returns the exit status like a shell: 128 plus the number of a signal. */
export function statusOf(status: number | null, signal: NodeJS.Signals | null): number {
  return status ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

/** Prints an error or a note on standard error: a line, or a JSON object with `--json`. */
export function complain(io: Io, message: string): void {
  io.err(
    io.json
      ? `${JSON.stringify({ event: 'error', error: message })}\n`
      : `vnet: ${printable(message)}\n`,
  )
}

/** The end of a command that runs until the user stops it. */
export interface UserEnd extends Disposable {
  /**
   * Settles with the signal by which the user stops the command, or with undefined when the reader
   * closes the output. Rejects with a defect.
   */
  readonly asked: Promise<NodeJS.Signals | undefined>
  /** Returns true as soon as `asked` settles, false after `ms`. Rejects as `asked` does. */
  within(ms: number): Promise<boolean>
}

/**
 * Starts to listen for the end that the user or a defect brings. Dispose of the result when the
 * command ends.
 */
export function endOf(io: Io): UserEnd {
  let stop = () => {}
  const asked = new Promise<NodeJS.Signals | undefined>((resolve, reject) => {
    const stopEnd = io.onEnd(end => ('defect' in end ? reject(end.defect) : resolve(end.signal)))
    const stopClosed = io.onClosed?.(() => resolve(undefined))
    stop = () => {
      stopEnd()
      stopClosed?.()
    }
  })
  // A defect while nothing awaits `asked` must not be an unhandled rejection.
  asked.catch(() => {})
  return {
    asked,
    within: ms => within(asked, ms),
    [Symbol.dispose]: stop,
  }
}

/** Returns the level up to which a command with --quiet or --verbose logs. --quiet wins. */
export function logLevel(options: {
  quiet?: boolean | undefined
  verbose?: number | undefined
}): number {
  const { quiet = false, verbose = 0 } = options
  if (quiet) return LOGLEVEL_ERR
  return verbose > 0 ? LOGLEVEL_DEBUG : LOGLEVEL_INFO
}

/** Returns the line with its end: the text, or one JSON object with the time. */
export function logLine(json: boolean, level: number, message: string): string {
  if (!json) return `${message}\n`
  return `${JSON.stringify({ event: 'log', time: Date.now(), level: levelName(level), message })}\n`
}

function levelName(level: number): string {
  if (level <= LOGLEVEL_ERR) return 'error'
  if (level <= LOGLEVEL_WARNING) return 'warning'
  return level <= LOGLEVEL_INFO ? 'info' : 'debug'
}
