/** Log lines like the kernel's, `vnet0: device opened`. The program chooses where they go. */
import { type Alarm, type Clock, NSEC_PER_SEC } from './clock.ts'
import { printable } from './printable.ts'

/** The kernel's levels (include/linux/kern_levels.h): the higher, the less important. */
export const LOGLEVEL_ERR = 3
export const LOGLEVEL_WARNING = 4
export const LOGLEVEL_INFO = 6
export const LOGLEVEL_DEBUG = 7

/**
 * A log of a program. Each line goes to `write` immediately, with control characters escaped; a log
 * itself owns no file.
 */
export class Log {
  /** Messages above this level are not written. Check it before building a costly message. */
  readonly level: number
  readonly #write: (level: number, text: string) => void
  readonly #prefix: string
  /** Lines to log at the end, of this log and of all logs that are named after it. */
  readonly #pending: Set<() => void>
  readonly err = (text: string): void => this.write(LOGLEVEL_ERR, text)
  readonly warn = (text: string): void => this.write(LOGLEVEL_WARNING, text)
  readonly info = (text: string): void => this.write(LOGLEVEL_INFO, text)
  readonly debug = (text: string): void => this.write(LOGLEVEL_DEBUG, text)

  constructor(
    level: number,
    write: (level: number, text: string) => void,
    prefix = '',
    pending = new Set<() => void>(),
  ) {
    this.level = level
    this.#write = write
    this.#prefix = prefix
    this.#pending = pending
  }

  /** Returns the same log with every line begun by `name: `. */
  named(name: string): Log {
    return new Log(this.level, this.#write, `${name}: `, this.#pending)
  }

  /** Calls `fn` at the end of the program, for a line that is put off. Returns an undo. */
  onFlush(fn: () => void): () => void {
    this.#pending.add(fn)
    return () => this.#pending.delete(fn)
  }

  /** Writes the lines that were put off: the program ends. */
  flush(): void {
    for (const fn of [...this.#pending]) {
      fn()
    }
  }

  write(level: number, text: string): void {
    if (level <= this.level) {
      this.#write(level, printable(this.#prefix + text.replace(/\s*\n\s*/g, ' | ')))
    }
  }
}

/** The limit: this many lines of a kind in this many seconds. */
const USUAL = { lines: 100, seconds: 10 }

/** A function if the text is costly to build. */
type Text = string | (() => string)

interface Kind {
  readonly level: number
  readonly alarm: Alarm
  /** When the first line of this period was written, in ns, and the lines since then. */
  since: number
  seen: number
  /** Takes back that the count is reported at the end of the program. */
  forget: () => void
}

/**
 * Log lines that others can cause, limited to a number of each kind per period (net_ratelimit).
 * Further lines are counted, and reported in one line when the period is over or the program ends:
 * `DHCPACK(eth9): 312 similar lines suppressed`.
 */
export class LimitedLog {
  /** Where the lines go. Another name of the log does not start the count again. */
  log: Log
  readonly #clock: Clock
  readonly #limit: typeof USUAL
  /** Kinds are named by code, never from received data, so they are few. */
  readonly #kinds = new Map<string, Kind>()
  readonly err = (kind: string, text: Text): void => this.#write(LOGLEVEL_ERR, kind, text)
  readonly warn = (kind: string, text: Text): void => this.#write(LOGLEVEL_WARNING, kind, text)
  readonly info = (kind: string, text: Text): void => this.#write(LOGLEVEL_INFO, kind, text)
  readonly debug = (kind: string, text: Text): void => this.#write(LOGLEVEL_DEBUG, kind, text)

  constructor(log: Log, clock: Clock, limit = USUAL) {
    this.log = log
    this.#clock = clock
    this.#limit = limit
  }

  /** Reports the counts of suppressed lines now. */
  flush(): void {
    for (const [name, { seen }] of this.#kinds) {
      if (seen > this.#limit.lines) {
        this.#over(name)
      }
    }
  }

  #write(level: number, name: string, text: Text): void {
    if (level > this.log.level) return
    const kind = this.#kindOf(level, name)
    const now = this.#clock.now()
    const { lines, seconds } = this.#limit
    const end = kind.since + seconds * NSEC_PER_SEC
    if (now >= end) {
      // The alarm may be late.
      if (kind.seen > lines) {
        this.#over(name)
      }
      kind.since = now
      kind.seen = 0
    }
    kind.seen++
    if (kind.seen <= lines) {
      this.log.write(level, typeof text === 'string' ? text : text())
    } else if (kind.seen === lines + 1) {
      kind.alarm.at(end)
      kind.forget = this.log.onFlush(() => this.#over(name))
    }
  }

  #kindOf(level: number, name: string): Kind {
    const known = this.#kinds.get(name)
    if (known !== undefined) return known
    const alarm = this.#clock.alarm(() => this.#over(name))
    const kind = { level, alarm, since: Number.NEGATIVE_INFINITY, seen: 0, forget: () => {} }
    this.#kinds.set(name, kind)
    return kind
  }

  #over(name: string): void {
    const kind = this.#kinds.get(name)
    if (kind === undefined) return
    kind.alarm.cancel()
    kind.forget()
    const n = kind.seen - this.#limit.lines
    this.log.write(kind.level, `${name}: ${n} similar ${n === 1 ? 'line' : 'lines'} suppressed`)
    kind.since = Number.NEGATIVE_INFINITY
    kind.seen = 0
  }
}
