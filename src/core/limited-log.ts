/**
 * LimitedLog: log lines that somebody else can trigger, so many of a kind in a time
 * (net_ratelimit). What exceeds that is counted, and reported in one line when the time is over:
 * `DHCPACK(eth9): and 312 more in 10 s`.
 */
import { type Alarm, type Clock, NSEC_PER_SEC } from './clock.ts'
import { LOGLEVEL_DEBUG, LOGLEVEL_ERR, LOGLEVEL_INFO, LOGLEVEL_WARNING, type Log } from './log.ts'

export interface LogLimit {
  /** Lines of a kind that are written in `seconds`. */
  readonly lines: number
  readonly seconds: number
}

/** For lines about what strangers do. */
const USUAL: LogLimit = { lines: 100, seconds: 10 }

interface Kind {
  readonly level: number
  readonly alarm: Alarm
  /** When the first line of this time was written, ns, and lines since then, written or not. */
  since: number
  seen: number
}

export class LimitedLog {
  readonly #log: Log
  readonly #clock: Clock
  readonly #limit: LogLimit
  /** Kinds are named by code, never by what a stranger sent, so they are few. */
  readonly #kinds = new Map<string, Kind>()

  constructor(log: Log, clock: Clock, limit: LogLimit = USUAL) {
    this.#log = log
    this.#clock = clock
    this.#limit = limit
  }

  /** Text that is costly to make is given as a function. */
  err(kind: string, text: string | (() => string)): void {
    this.#write(LOGLEVEL_ERR, kind, text)
  }

  warn(kind: string, text: string | (() => string)): void {
    this.#write(LOGLEVEL_WARNING, kind, text)
  }

  info(kind: string, text: string | (() => string)): void {
    this.#write(LOGLEVEL_INFO, kind, text)
  }

  debug(kind: string, text: string | (() => string)): void {
    this.#write(LOGLEVEL_DEBUG, kind, text)
  }

  #write(level: number, name: string, text: string | (() => string)): void {
    if (level > this.#log.level) return
    const kind = this.#kindOf(level, name)
    const now = this.#clock.now()
    const { lines, seconds } = this.#limit
    const end = kind.since + seconds * NSEC_PER_SEC
    if (now >= end) {
      kind.since = now
      kind.seen = 0
    }
    kind.seen++
    if (kind.seen <= lines) this.#log.write(level, typeof text === 'string' ? text : text())
    else if (kind.seen === lines + 1) kind.alarm.at(end)
  }

  #kindOf(level: number, name: string): Kind {
    const known = this.#kinds.get(name)
    if (known !== undefined) return known
    const alarm = this.#clock.alarm(() => this.#over(name))
    const kind = { level, alarm, since: Number.NEGATIVE_INFINITY, seen: 0 }
    this.#kinds.set(name, kind)
    return kind
  }

  #over(name: string): void {
    const kind = this.#kinds.get(name)
    if (kind === undefined) return
    const { lines, seconds } = this.#limit
    this.#log.write(kind.level, `${name}: and ${kind.seen - lines} more in ${seconds} s`)
    kind.since = Number.NEGATIVE_INFINITY
  }
}
