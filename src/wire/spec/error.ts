/** Errors that point at a word, and suggestions of the word that was meant. */

import { printable } from '../../base/printable.ts'
import { FileError, UsageError } from '../../base/usage-error.ts'

/** A part of the words: from a character to behind another. */
export interface Span {
  readonly at: number
  readonly end: number
}

/** How many characters an error shows on either side of the wrong word, and of the word itself. */
const CONTEXT = 30
const WRONG_MAX = 60

/**
 * Returns an error of three lines: the message, which makes sense alone, the words, and a caret
 * under each character of `span`.
 */
export function wordsError(words: string, span: Span, message: string): FileError {
  const { at } = span
  const end = Math.min(span.end, at + WRONG_MAX)
  const from = at > CONTEXT + 3 ? at - CONTEXT : 0
  const to = words.length > end + CONTEXT + 3 ? end + CONTEXT : words.length
  const before = `${from > 0 ? '...' : ''}${shown(words.slice(from, at).padEnd(at - from))}`
  const wrong = shown(words.slice(at, end))
  const line = `${before}${wrong}${shown(words.slice(end, to))}${to < words.length ? '...' : ''}`
  const carets = `${' '.repeat(before.length)}${'^'.repeat(Math.max(1, wrong.length))}`
  return new FileError(`${printable(message)}\n  ${line.trimEnd()}\n  ${carets}`)
}

/** Calls `fn`. Its UsageError is rethrown as one that points at `span`, unless it has a caret. */
export function pointing<T>(words: string, span: Span, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (!(error instanceof UsageError) || error instanceof FileError) throw error
    throw wordsError(words, span, error.message)
  }
}

/** Returns `; did you mean 'delay'?`, or nothing if no word is near. */
export function didYouMean(wrong: string, candidates: Iterable<string>): string {
  let best: string | undefined
  let least = Math.min(3, Math.ceil(wrong.length / 2))
  for (const candidate of candidates) {
    const distance = distanceOf(wrong.toLowerCase(), candidate)
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best === undefined ? '' : `; did you mean '${best}'?`
}

function shown(text: string): string {
  return printable(text.replaceAll(/\s/g, ' '))
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
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        next[j] = Math.min(next[j], before[j - 2] + 1)
    }
    before = row
    row = next
  }
  return row[b.length]
}
