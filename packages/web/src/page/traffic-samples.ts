/** Ten minutes of rates and levels. Times are given in ms since 1970, and returned in seconds. */

/** How far back plots show, in seconds. */
export const WINDOW = 600
/** A sample every second for ten minutes, and room for the marks of gaps. */
export const SLOTS = 640
/** Without a sample for longer than this, in ms, the line of a plot is broken. */
export const GAP = 3500
/** Rates are growth over at least this many ms: slow steady traffic would look like noise. */
export const SPAN = 3000
/** The first rates are over less time, but not over less than this, in ms. */
const SPAN_MIN = 500
/** The keys of rates, and of levels, that a device may have at a time. */
export const KEYS_MAX = 64
/** The rate of all counters beyond KEYS_MAX. */
export const OTHER = 'other'

type Values = Readonly<Record<string, number>>

/** Values of one key, one for each sample, the newest at the end. NaN is unknown. */
type Column = Float32Array<ArrayBuffer>
const UNKNOWN: Column = new Float32Array(SLOTS).fill(Number.NaN)

/** The samples of one device, or of one wire, in a bounded amount of memory. */
export class Samples {
  readonly #times = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY)
  /** The rates of a counter that does not grow: 0, but unknown after gaps and resets. */
  readonly #still: Column = UNKNOWN.slice()
  readonly #rates = new Map<string, Column>()
  readonly #levels = new Map<string, Column>()
  #added = 0
  /** The samples since the last gap or reset, oldest first, as far as the next rate needs them. */
  #recent: { time: number; readonly counters: Values }[] = []

  /** When the newest sample was taken, in seconds; undefined without one. */
  get end(): number | undefined {
    const last = this.#recent.at(-1)
    return last && last.time / 1000
  }

  /** Adds a sample. No rate spans a reset (a fallen counter). Samples follow a clock set back. */
  add(time: number, counters: Values, levels: Values): void {
    const last = this.#recent.at(-1)
    if (!Number.isFinite(time) || time === last?.time) return
    const elapsed = last === undefined ? 0 : time - last.time
    if (elapsed < 0) {
      this.#times.set(this.#times.map(each => each + elapsed - 1000))
    }
    if (elapsed > GAP) {
      this.#advance(last!.time + 1, false)
    }
    if (elapsed < 0 || elapsed > GAP || hasFallen(last?.counters ?? {}, counters)) {
      this.#recent = []
    }
    this.#recent.push({ time, counters: { ...counters } })
    while (this.#recent.length > 1 && time - this.#recent[1].time >= SPAN) {
      this.#recent.shift()
    }
    const [first] = this.#recent
    const isKnown = time - first.time >= SPAN_MIN
    this.#advance(time, isKnown)
    if (isKnown) {
      this.#setRates(first.counters, counters, (time - first.time) / 1000)
    }
    for (const [key, value] of Object.entries(levels)) {
      const column = this.#levels.get(key) ?? this.#newColumn(this.#levels, key, UNKNOWN)
      if (column !== undefined) {
        column[SLOTS - 1] = value
      }
    }
  }

  /** The times of the samples from `from` on, in seconds, oldest first. They ascend. */
  times(from: number): number[] {
    return this.#read(from, this.#times).map(ms => ms / 1000)
  }

  /** The rate of a counter at each of `times(from)`; null is unknown. */
  rate(key: string, from: number): (number | null)[] {
    return this.#read(from, this.#rates.get(key) ?? this.#still).map(known)
  }

  /** A level at each of `times(from)`; null is unknown. */
  level(key: string, from: number): (number | null)[] {
    return this.#read(from, this.#levels.get(key) ?? UNKNOWN).map(known)
  }

  /** The counters that grew in the window, in the order in which they first did. */
  rateKeys(): string[] {
    return [...this.#rates.keys()]
  }

  /** The levels that were given in the window. */
  levelKeys(): string[] {
    return [...this.#levels.keys()]
  }

  #setRates(before: Values, counters: Values, seconds: number): void {
    let rest = 0
    for (const [key, value] of Object.entries(counters)) {
      const more = value - (before[key] ?? 0)
      const column =
        this.#rates.get(key) ??
        (more > 0 ? this.#newColumn(this.#rates, key, this.#still) : undefined)
      if (column !== undefined) {
        column[SLOTS - 1] = more / seconds
      } else {
        rest += more
      }
    }
    if (rest === 0) return
    const others = this.#rates.get(OTHER) ?? this.#still.slice()
    this.#rates.set(OTHER, others)
    others[SLOTS - 1] = rest / seconds
  }

  /** Returns undefined if there are too many. */
  #newColumn(columns: Map<string, Column>, key: string, first: Column): Column | undefined {
    if (columns.size >= KEYS_MAX) return undefined
    const column = first.slice()
    columns.set(key, column)
    return column
  }

  /** Makes room for a sample. Keys that had no value in the window are forgotten once a round. */
  #advance(time: number, isKnown: boolean): void {
    push(this.#times, time)
    for (const column of [this.#still, ...this.#rates.values()]) {
      push(column, isKnown ? 0 : Number.NaN)
    }
    for (const column of this.#levels.values()) {
      push(column, Number.NaN)
    }
    if (this.#added++ % SLOTS !== 0) return
    for (const [key, column] of this.#rates) {
      if (column.every(value => !value)) {
        this.#rates.delete(key)
      }
    }
    for (const [key, column] of this.#levels) {
      if (column.every(Number.isNaN)) {
        this.#levels.delete(key)
      }
    }
  }

  #read(from: number, column: Column | Float64Array): number[] {
    const first = this.#times.findIndex(time => time >= from * 1000)
    return first < 0 ? [] : [...column.subarray(first)]
  }
}

/** Drops the oldest value. */
function push(column: Column | Float64Array, value: number): void {
  column.copyWithin(0, 1)
  column[SLOTS - 1] = value
}

/** A counter that is missing is 0, so one that goes missing has fallen. */
const hasFallen = (before: Values, counters: Values): boolean =>
  Object.entries(before).some(([key, value]) => (counters[key] ?? 0) < value)

const known = (value: number): number | null => (Number.isNaN(value) ? null : value)
