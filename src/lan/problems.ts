/**
 * What is wrong with a configuration file, with the place of each: one line a problem, in the order of the file. What is no file
 * has no places.
 */
import type { LineCounter } from 'yaml'
import { FileError, UsageError } from '../core/driver.ts'

/** `hosts`, 3, `ip`: printed as hosts[3].ip. */
export type Path = readonly (string | number)[]

/** More are only counted. */
const MOST = 10

export class Problems {
  readonly #name: string | undefined
  readonly #lines: LineCounter
  readonly #found: { path: Path; offset: number; message: string }[] = []
  /** Where something is wrong, and what that is in. */
  readonly #at = new Set<string>()
  readonly #around = new Set<string>()

  /** `name` is the file's; undefined when there is none. */
  constructor(name: string | undefined, lines: LineCounter) {
    this.#name = name
    this.#lines = lines
  }

  /** `message` is about what stands at `offset` of the text. */
  add(path: Path, offset: number, message: string): void {
    this.#found.push({ path, offset, message })
    this.#at.add(formatPath(path))
    for (const around of beginnings(path)) this.#around.add(around)
  }

  /** Whether something was found wrong at `path`, in it, or in what it is in. */
  touch(path: Path): boolean {
    return this.#around.has(formatPath(path)) || beginnings(path).some(around => this.#at.has(around))
  }

  /** `lan.yaml:12:5` */
  place(offset: number): string {
    if (this.#name === undefined) return 'given'
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#name}:${Math.max(1, line)}:${Math.max(1, col)}`
  }

  /** Throws a FileError, or UsageError, when anything is wrong: up to ten problems, each on a line of its own. */
  throwIfAny(): void {
    if (this.#found.length === 0) return
    const sorted = this.#found.toSorted((one, other) => one.offset - other.offset)
    const lines = sorted.slice(0, MOST).map(({ path, offset, message }) => {
      const what = path.length === 0 ? message : `${formatPath(path)}: ${message}`
      const line = what.replaceAll(/\s*[\r\n\u2028\u2029]\s*/g, ' ')
      return this.#name === undefined ? line : `${this.place(offset)}: ${line}`
    })
    const more = sorted.length > MOST ? `and ${sorted.length - MOST} more` : undefined
    if (this.#name === undefined) throw new UsageError([...lines, ...(more ? [more] : [])].join('; '))
    if (more !== undefined) lines.push(`${this.#name}: ${more}`)
    throw new FileError(lines.join('\n'))
  }
}

/** `hosts`, `hosts[3]`, `hosts[3].ip` */
function beginnings(path: Path): string[] {
  return path.map((_, i) => formatPath(path.slice(0, i + 1)))
}

/** `hosts[3].ip`; a key that is no word is quoted. */
export function formatPath(path: Path): string {
  const parts = path.map(key => {
    if (typeof key === 'number') return `[${key}]`
    return /^[\w$-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
  })
  return parts.join('').replace(/^\./, '')
}
