/** Log lines like the kernel's, `vnet0: device opened`. The program chooses where they go. */
import { printable } from './printable.ts'

/** The kernel's levels (include/linux/kern_levels.h): the higher, the less important. */
export const LOGLEVEL_ERR = 3
export const LOGLEVEL_WARNING = 4
export const LOGLEVEL_INFO = 6
export const LOGLEVEL_DEBUG = 7

export class Log {
  /** Messages above this level are not written. Check it before building a costly message. */
  readonly level: number
  readonly #write: (level: number, text: string) => void
  readonly #prefix: string
  /** What is to be logged at the end, of this log and all that are named after it. */
  readonly #pending: Set<() => void>

  constructor(
    level: number,
    write: (level: number, text: string) => void,
    prefix = '',
    pending: Set<() => void> = new Set(),
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

  err(text: string): void {
    this.write(LOGLEVEL_ERR, text)
  }

  warn(text: string): void {
    this.write(LOGLEVEL_WARNING, text)
  }

  info(text: string): void {
    this.write(LOGLEVEL_INFO, text)
  }

  debug(text: string): void {
    this.write(LOGLEVEL_DEBUG, text)
  }

  /** Calls `fn` at the end of the program, for a line that is put off. Returns an undo. */
  onFlush(fn: () => void): () => void {
    this.#pending.add(fn)
    return () => this.#pending.delete(fn)
  }

  /** Writes the lines that were put off: the program ends. */
  flush(): void {
    for (const fn of [...this.#pending]) fn()
  }

  write(level: number, text: string): void {
    if (level <= this.level) this.#write(level, printable(this.#prefix + text.replace(/\s*\n\s*/g, ' | ')))
  }
}
