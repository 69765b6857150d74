/** The `console` of an exercise's driver: it never throws, and hardly waits for a slow reader. */
import { writeSync } from 'node:fs'
import { format } from 'node:util'

/** What one process of a driver may print, megabytes. The next line ends it. */
const PRINTED_MAX_MB = 10

/** The explanation of that end, and the last line that the process prints then. */
export const PRINTED_TOO_MUCH = {
  seen: `the driver printed more than ${PRINTED_MAX_MB} MB`,
  expected: 'fewer lines, and none for each frame',
}

/**
 * Milliseconds that the lines of one process wait for a reader, all together. The watchdog takes
 * two seconds in one function for a loop.
 */
const PATIENCE_MS = 1000
/** Milliseconds before a write that failed with EAGAIN is repeated. */
const AGAIN_MS = 1

// Taken before the driver is loaded, which may replace them.
const { wait } = Atomics
const { from } = Buffer
const now = performance.now.bind(performance)
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** Writes from a position on, and returns how many bytes; throws, with EAGAIN if it has no room. */
type Write = (bytes: Uint8Array, at: number) => number

/** Prints lines. A line that is not read in time is lost, and counted before the next one. */
export class LinePrinter {
  readonly #write: Write
  readonly #onTooMuch: () => void
  #patience = PATIENCE_MS
  #printed = 0
  #lost = 0
  /** Whether a line was lost after its beginning had been written. */
  #isCut = false

  /** `onTooMuch` is called with each line after PRINTED_MAX_MB, and should end the process. */
  constructor(write: Write, onTooMuch: () => void) {
    this.#write = write
    this.#onTooMuch = onTooMuch
  }

  print(line: string): void {
    const bytes = from(`${line}\n`)
    this.#printed += bytes.length
    if (this.#printed > PRINTED_MAX_MB * 1e6) {
      this.#onTooMuch()
    } else if (this.mention() && this.#writeAll(bytes)) {
      return
    } else {
      this.#lost++
    }
  }

  /** Prints how many lines were lost. Returns false if that has no room either. */
  mention(): boolean {
    if (this.#lost === 0) return true
    const before = this.#isCut ? '\n' : ''
    const isWritten = this.#writeAll(
      from(`${before}vnet: ${this.#lost} lines are lost: nothing read them in time\n`),
    )
    if (isWritten) {
      this.#lost = 0
    }
    return isWritten
  }

  /** Prints a line even if others have used up the time to wait. */
  last(line: string): void {
    this.#patience = PATIENCE_MS
    this.#writeAll(from(`${line}\n`))
  }

  #writeAll(bytes: Uint8Array): boolean {
    let at = 0
    while (at < bytes.length) {
      try {
        at += this.#write(bytes, at)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || this.#patience <= 0) {
          this.#isCut ||= at > 0
          return false
        }
        const before = now()
        wait(sleeper, 0, 0, AGAIN_MS)
        this.#patience -= now() - before
      }
    }
    this.#isCut = false
    return true
  }
}

/** The methods that print their arguments, and the methods with nothing to print. */
const PRINTING =
  'log info warn error debug trace dir dirxml table group groupCollapsed count'.split(' ')
const SILENT = 'groupEnd countReset clear time timeEnd timeLog timeStamp profile profileEnd'.split(
  ' ',
)

/** Replaces the console of this process. `end` ends it after too much output. */
export function driverConsole(
  end: (printer: LinePrinter) => void,
): Readonly<Record<string, unknown>> {
  // Node sets its descriptor so that a write fails with EAGAIN: it must not wait for ever.
  void process.stderr
  const printer = new LinePrinter(
    (bytes, at) => writeSync(2, bytes, at),
    () => end(printer),
  )
  process.once('exit', () => printer.mention())
  const print = (...values: unknown[]): void => printer.print(textOf(values))
  const assert = (holds?: unknown, ...values: unknown[]): void => {
    if (!holds) {
      print('Assertion failed', ...values)
    }
  }
  return Object.fromEntries([
    ...PRINTING.map(name => [name, print]),
    ...SILENT.map(name => [name, () => {}]),
    ['assert', assert],
  ])
}

/** Never throws, whatever the values do when they are made to a text. */
function textOf(values: readonly unknown[]): string {
  try {
    // Node.js does not print the errors of frozen classes.
    return format(...values.map(value => (value instanceof Error ? value.stack : value)))
  } catch {
    return '(a value that throws when it is printed)'
  }
}
