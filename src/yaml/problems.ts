/** Collects the problems of a configuration, to report all of them at once with their positions. */
import type { LineCounter } from 'yaml'
import { FileError, UsageError } from '../base/usage-error.ts'

/** The number of problems that are reported; the others are counted. */
const MOST = 10

export class Problems {
  /** The offset in the text of each part, by its path: `hosts[3].ip`. Defaults are not in it. */
  readonly places = new Map<string, number>()
  /** By path: the first problem of a part makes the others. */
  readonly #found = new Map<string, { readonly offset: number; readonly message: string }>()
  readonly #name: string | undefined
  readonly #lines: LineCounter

  /** `name` is that of the file; undefined for options and parameters, which have no positions. */
  constructor(name: string | undefined, lines: LineCounter) {
    this.#name = name
    this.#lines = lines
  }

  /** Reports a problem of the part at `path`, or at `offset` of the text. */
  add(path: string, message: string, offset = this.#offset(path)): void {
    if (!this.#found.has(path)) this.#found.set(path, { offset, message })
  }

  /** The path of entry `i` of a list, or of the one value that stands in place of the list. */
  entry(path: string, i: number): string {
    const entry = `${path}[${i}]`
    return this.places.has(entry) ? entry : path
  }

  /** Returns `hosts[3].ip (lan.yaml:12:5)`. */
  describe(path: string): string {
    const offset = this.places.get(path)
    if (offset === undefined) return `${path} (the default)`
    return this.#name === undefined ? path : `${path} (${this.#position(offset)})`
  }

  /**
   * Throws a FileError with one line for each problem, in the order of the file, if there are any.
   * Without a file it is a UsageError of one line.
   */
  throwIfAny(): void {
    if (this.#found.size === 0) return
    const sorted = [...this.#found].toSorted(([, one], [, other]) => one.offset - other.offset)
    const lines = sorted.slice(0, MOST).map(([path, { offset, message }]) => {
      const place = this.#name === undefined ? [] : [this.#position(offset)]
      const parts = [...place, ...(path === '' ? [] : [path]), message]
      return parts.join(': ').replaceAll(/\s*[\r\n\u2028\u2029]\s*/g, ' ')
    })
    const more = sorted.length > MOST ? [`and ${sorted.length - MOST} more`] : []
    if (this.#name === undefined) throw new UsageError([...lines, ...more].join('; '))
    throw new FileError([...lines, ...more.map(text => `${this.#name}: ${text}`)].join('\n'))
  }

  /** The offset of a part, or of the innermost part around it that is in the file. */
  #offset(path: string): number {
    let around = path
    while (around !== '' && !this.places.has(around))
      around = around.slice(0, Math.max(0, around.lastIndexOf('.'), around.lastIndexOf('[')))
    return this.places.get(around) ?? 0
  }

  /** Returns `lan.yaml:12:5`. */
  #position(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#name}:${Math.max(1, line)}:${Math.max(1, col)}`
  }
}
