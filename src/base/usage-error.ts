/** Mistakes of users, in a command line, a file or an options object. */
import { reasonOf } from './errno.ts'

/** A wrong command line: one line, exit status 2; 1 if its cause is a call that failed. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
  /** As Node has it for a wrong argument. */
  readonly code = 'ERR_INVALID_ARG_VALUE'
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

/** Returns the error with a code of Node's, such as ERR_INVALID_ARG_TYPE. */
export function withCode<E extends Error>(error: E, code: string): E & { readonly code: string } {
  return Object.assign(error, { code })
}

/** Returns the result of `fn`. Rethrows an error of Node's file system as a UsageError. */
export function asUsageError<T>(path: string, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path}: ${reasonOf(error)}`, { cause: error })
  }
}

/** Throws a UsageError for an option that is not `known`, which only types would notice. */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find(key => !known.includes(key))
  if (unknown === undefined) return
  const text = `${what}: no option is called '${unknown}', but ${known.join(', ')}`
  throw new UsageError(`${text}${didYouMean(unknown, known)}`)
}

/** Returns `; did you mean 'delay'?`, or nothing if no word is near. */
export function didYouMean(wrong: string, candidates: Iterable<string>): string {
  let best: string | undefined
  let least = Math.min(3, Math.ceil(wrong.length / 2))
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wrong.length) >= least) continue
    const distance = distanceOf(wrong.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best === undefined ? '' : `; did you mean '${best}'?`
}

/** How many names a message lists: a vnet may have hundreds of interfaces. */
const NAMES = 8

/** Returns the names as the part of a line: the first of them, and the number of the others. */
export function listed(names: readonly string[]): string {
  const more = names.length > NAMES ? ` and ${names.length - NAMES} more` : ''
  return names.slice(0, NAMES).join(', ') + more
}

/** Letters to insert, remove, replace or swap with their neighbour to make `b` of `a`. */
function distanceOf(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(replaced, row[j] + 1, next[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        next[j] = Math.min(next[j], before[j - 2] + 1)
      }
    }
    before = row
    row = next
  }
  return row[b.length]
}
