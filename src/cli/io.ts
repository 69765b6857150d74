/** What the program needs of the process around it, passed in so that tests call it in-process. */

export interface Io {
  /** Writes text to standard output and standard error, as it is. */
  out(text: string): void
  err(text: string): void
  /**
   * For a program that goes on: from here on what `out` and `err` write is written later, so that
   * the caller never waits for a terminal, a pipe or a disk.
   */
  writeLater?(): void
  /**
   * Writes a log line to standard output or standard error, after writeLater(). It is lost if too
   * much is unread before it; how many were is written as `lostLine` makes it when somebody reads
   * again. Absent: log lines are written as all others.
   */
  logLine?(to: 'out' | 'err', line: string, lostLine: (lines: number) => string): void
  /** Calls `fn` when the user, or a defect of the program, asks it to end; answers how to stop that. */
  onEnd(fn: (end: End) => void): () => void
  /** Calls `fn` on SIGHUP, which then asks for no end; answers how to stop that. */
  onReload?(fn: () => void): () => void
  /** Calls `fn` when nobody reads standard output any more (`| head -1`); answers how to stop that. */
  onClosed?(fn: () => void): () => void
  /**
   * The process is there for this program, and runs no code but its own: the main thread then need not share its descriptors
   * with the threads that Node has for files and the like.
   */
  readonly sole?: boolean
  /**
   * The process is there for this program: once ready, it gives up the privileges that it has no
   * more use for.
   */
  readonly own?: boolean
  /** For a command that is there in place of another program; absent where the process is not ours to be that. */
  readonly standIn?: StandIn
}

export interface StandIn {
  /** Calls `fn` for every signal that is sent to us, none of which ends us meanwhile; answers how to stop that. */
  onSignal(fn: (signal: NodeJS.Signals) => void): () => void
}

/** A signal, which ends a run well, or an exception that nobody caught. */
export type End = { readonly signal: string } | { readonly defect: unknown }

/** Exit statuses. */
export const EXIT_OK = 0
export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2
