/**
 * Log lines like the kernel's: `vnet0: device opened`, one line a message. Where they go is the program's choice.
 */
import { printable } from './printable.ts'

export const LOGLEVEL_ERR = 3
export const LOGLEVEL_WARNING = 4
export const LOGLEVEL_INFO = 6
export const LOGLEVEL_DEBUG = 7

/** The levels are the kernel's (include/linux/kern_levels.h): the higher, the chattier. */
export class Log {
  /** Messages above this level are not written. Ask before building a costly message. */
  readonly level: number
  readonly #write: (level: number, text: string) => void
  readonly #prefix: string

  constructor(level: number, write: (level: number, text: string) => void, prefix = '') {
    this.level = level
    this.#write = write
    this.#prefix = prefix
  }

  /** The same log with every line begun by `name: `. */
  named(name: string): Log {
    return new Log(this.level, this.#write, `${name}: `)
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

  write(level: number, text: string): void {
    if (level <= this.level) this.#write(level, printable(this.#prefix + text.replace(/\s*\n\s*/g, ' | ')))
  }
}
