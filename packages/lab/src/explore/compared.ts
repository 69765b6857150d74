/** Compares what runs with faults return with what clean runs return. */
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { shortened } from './lists.ts'

/** The most characters that are compared line by line, and of a line in an error. */
const MOST = 2 ** 20
const LINE_MOST = 60

/** Collects text. What follows the first MiB is compared by its hash. */
export class ReturnedText {
  readonly #hash = createHash('sha256')
  #text = ''
  #length = 0

  /** `text` has a character for each byte, or is text as it is. */
  take(text: string): void {
    const room = Math.max(0, MOST - this.#text.length)
    this.#text += text.slice(0, room)
    this.#hash.update(text.slice(room))
    this.#length += text.length
  }

  /** Call it once. */
  end(): string {
    if (this.#length <= MOST) return this.#text
    return `${this.#text}\n${this.#length} characters, the rest ${this.#hash.digest('hex')}`
  }
}

/** Returns the value that a scenario returns as a text. */
export function textOfReturned(value: unknown): string {
  const text = new ReturnedText()
  if (value instanceof Uint8Array) {
    text.take(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1'))
  } else if (typeof value === 'string') {
    text.take(value)
  } else if (value !== undefined) {
    text.take(
      inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, sorted: true }),
    )
  }
  return text.end()
}

/** What clean runs have returned. Lines in which they differ are not compared. */
export class Expected {
  /** The lines; undefined for lines in which the runs differ. */
  readonly #lines: readonly (string | undefined)[] = []
  /** Why nothing is compared; undefined if something is. */
  readonly uncompared: string | undefined
  /** How many lines are not compared. */
  readonly masked: number = 0

  constructor(clean: readonly string[]) {
    const [first = [], ...others] = clean.map(text => text.split('\n'))
    if (others.some(({ length }) => length !== first.length)) {
      this.uncompared = 'clean runs return different numbers of lines, so that none are compared'
      return
    }
    this.#lines = first.map((line, i) =>
      others.every(other => other[i] === line) ? line : undefined,
    )
    this.masked = this.#lines.filter(line => line === undefined).length
    if (this.#lines.every(line => line === undefined)) {
      this.uncompared = 'clean runs differ in each line that they return, so that none is compared'
    }
  }

  /** Returns how a text differs; undefined if it does not. */
  differenceOf(text: string): string | undefined {
    if (this.uncompared !== undefined) return undefined
    const lines = text.split('\n')
    const at = this.#lines.findIndex((line, i) => line !== undefined && line !== lines[i])
    const difference =
      at < 0
        ? undefined
        : `line ${at + 1} is ${shown(lines[at])} instead of ${shown(this.#lines[at])}`
    if (difference !== undefined) return difference
    if (lines.length === this.#lines.length) return undefined
    return `${lines.length} lines instead of ${this.#lines.length}`
  }
}

const shown = (line: string | undefined): string =>
  line === undefined ? 'missing' : inspect(shortened(line, LINE_MOST))

/** Returns the error of a run that has passed, and has not returned the same as clean runs. */
export function differenceError(
  expected: Expected | undefined,
  returned: string | undefined,
): string | undefined {
  const difference = returned === undefined ? undefined : expected?.differenceOf(returned)
  return difference && `passed, but not with the result of a run without faults: ${difference}`
}
