/** Mistakes of users, in a command line, a file or an options object. */
import { didYouMean } from './near.ts'

/** A wrong command line: one line, exit status 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
}

/** A file with mistakes: a line for each, with its place. */
export class FileError extends UsageError {
  override readonly name = 'FileError'
  /** The character of a text of one line that is wrong, from 1. */
  readonly column: number | undefined

  constructor(message: string, column?: number) {
    super(message)
    this.column = column
  }
}

/**
 * Throws a UsageError for an option that is not among `known`: a misspelt option, which only types
 * would notice otherwise.
 */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find(key => !known.includes(key))
  if (unknown === undefined) return
  const text = `${what}: no option is called '${unknown}', but ${known.join(', ')}`
  throw new UsageError(`${text}${didYouMean(unknown, known)}`)
}
