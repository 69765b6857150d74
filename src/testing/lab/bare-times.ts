/**
 * Times without a unit in the words of a wire. tc(8) takes them as microseconds, and so do all
 * other wires of vnet; the author of a test who writes `delay 50` means another unit.
 */

import { tokensOf } from '../../wire/spec/cursor.ts'
import { wordsError } from '../../wire/spec/error.ts'

/** Words with one or two times behind them. */
const TIMED: readonly string[] = ['delay', 'slot', 'after']
const TIMES_MAX = 2

/** Throws a UsageError that points at the first time without a unit, except 0. */
export function checkTimes(words: string): void {
  const tokens = tokensOf(words)
  for (const [i, { text, quoted }] of tokens.entries()) {
    if (quoted || !TIMED.includes(text)) continue
    for (const time of tokens.slice(i + 1, i + 1 + TIMES_MAX)) {
      if (time.quoted || !/^[\d.]/.test(time.text)) break
      if (/[a-z]/i.test(time.text) || Number(time.text) === 0) continue
      throw wordsError(
        words,
        time,
        `the time '${time.text}' has no unit: write ${time.text}ms, or ${time.text}us as tc takes it`,
      )
    }
  }
}
