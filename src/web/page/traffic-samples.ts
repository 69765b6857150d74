/**
 * The last ten minutes of a device: rates of its counters, and levels such as frames held, in rings
 * of a fixed size. Times are in milliseconds since 1970 where they come in, seconds where they go
 * out, since plots want those.
 */

/** How far back plots show, in seconds. */
export const WINDOW = 600
/** A sample every second for ten minutes, and room for the marks of gaps. */
export const SLOTS = 640
/** Without a sample for longer than this, in ms, the line of a plot is broken. */
export const GAP = 3500
/** The keys of rates, and of levels, that a device may have at a time. */
export const KEYS_MAX = 64
/** The rate of all counters beyond KEYS_MAX. */
export const OTHER = 'other'

type Values = Readonly<Record<string, number>>

/** Values of one key, by slot. NaN is unknown. */
type Column = Float32Array<ArrayBuffer>

export class Samples {
  readonly #times = new Float64Array(SLOTS)
  /** Whether rates are known: 0 after a gap or a reset, and in the mark of a gap. */
  readonly #isKnown = new Uint8Array(SLOTS)
  readonly #rates = new Map<string, Column>()
  readonly #levels = new Map<string, Column>()
  /** The slot that is written next. */
  #next = 0
  #length = 0
  #last: { time: number; counters: Values } | undefined

  /** When the newest sample was taken, in seconds; undefined without one. */
  get end(): number | undefined {
    return this.#last === undefined ? undefined : this.#last.time / 1000
  }

  /**
   * Adds a sample. The rate of a counter is its growth per second since the sample before. If any
   * counter fell, the device was reset: all rates of this sample are unknown. If the clock was set
   * back, the samples before move along with it.
   */
  add(time: number, counters: Values, levels: Values): void {
    const last = this.#last
    if (!Number.isFinite(time) || time === last?.time) return
    const elapsed = last === undefined ? 0 : time - last.time
    if (elapsed < 0) this.#move(elapsed - 1000)
    if (elapsed > GAP) this.#addSlot(last!.time + 1, false)
    const isKnown = elapsed > 0 && elapsed <= GAP && !hasFallen(last!.counters, counters)
    const slot = this.#addSlot(time, isKnown)
    if (isKnown) this.#setRates(slot, last!.counters, counters, elapsed / 1000)
    for (const [key, value] of Object.entries(levels)) {
      const column = this.#levels.get(key) ?? this.#newColumn(this.#levels, key)
      if (column !== undefined) column[slot] = value
    }
    this.#last = { time, counters: { ...counters } }
  }

  /** The times of the samples from `from` on, in seconds, oldest first. They ascend. */
  times(from: number): number[] {
    return this.#read(from, slot => this.#times[slot] / 1000)
  }

  /** The rate of a counter at each of `times(from)`; null is unknown. */
  rate(key: string, from: number): (number | null)[] {
    const column = this.#rates.get(key)
    return this.#read(from, slot => (this.#isKnown[slot] === 0 ? null : (column?.[slot] ?? 0)))
  }

  /** A level at each of `times(from)`; null is unknown. */
  level(key: string, from: number): (number | null)[] {
    const column = this.#levels.get(key)
    return this.#read(from, slot => known(column?.[slot]))
  }

  /** The counters that grew in the window, in the order in which they first did. */
  rateKeys(): string[] {
    return [...this.#rates.keys()]
  }

  /** The levels that were given in the window. */
  levelKeys(): string[] {
    return [...this.#levels.keys()]
  }

  #setRates(slot: number, before: Values, counters: Values, seconds: number): void {
    let rest = 0
    for (const [key, value] of Object.entries(counters)) {
      const more = value - (before[key] ?? 0)
      const column = this.#rates.get(key) ?? (more > 0 ? this.#newColumn(this.#rates, key) : undefined)
      if (column !== undefined) column[slot] = more / seconds
      else rest += more
    }
    if (rest === 0) return
    const others = this.#rates.get(OTHER) ?? new Float32Array(SLOTS)
    this.#rates.set(OTHER, others)
    others[slot] = rest / seconds
  }

  /** Returns undefined if there are too many. */
  #newColumn(columns: Map<string, Column>, key: string): Column | undefined {
    if (columns.size >= KEYS_MAX) return undefined
    const column = new Float32Array(SLOTS)
    if (columns === this.#levels) column.fill(Number.NaN)
    columns.set(key, column)
    return column
  }

  /** Takes the oldest slot. Keys that had no value in the window are forgotten once a round. */
  #addSlot(time: number, isKnown: boolean): number {
    const slot = this.#next
    this.#next = (slot + 1) % SLOTS
    this.#length = Math.min(this.#length + 1, SLOTS)
    this.#times[slot] = time
    this.#isKnown[slot] = isKnown ? 1 : 0
    for (const column of this.#rates.values()) column[slot] = 0
    for (const column of this.#levels.values()) column[slot] = Number.NaN
    if (slot === 0) {
      for (const [key, column] of this.#rates) if (column.every(value => value === 0)) this.#rates.delete(key)
      for (const [key, column] of this.#levels) if (column.every(Number.isNaN)) this.#levels.delete(key)
    }
    return slot
  }

  #move(by: number): void {
    for (let slot = 0; slot < SLOTS; slot++) this.#times[slot] += by
  }

  #read<T>(from: number, valueAt: (slot: number) => T): T[] {
    const found: T[] = []
    for (let i = 0; i < this.#length; i++) {
      const slot = (this.#next - this.#length + i + SLOTS) % SLOTS
      if (this.#times[slot] >= from * 1000) found.push(valueAt(slot))
    }
    return found
  }
}

/** A counter that is missing is 0, so one that goes missing has fallen. */
function hasFallen(before: Values, counters: Values): boolean {
  return Object.entries(before).some(([key, value]) => (counters[key] ?? 0) < value)
}

function known(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value
}
