/**
 * The size of tests with random inputs, faults or many cases. `npm test` runs an eighth of the
 * inputs of `npm run test:long`, or the first cases; a file that imports this module belongs to
 * both. `FUZZ_ALL=1 npm run test:long` runs twelve times as many inputs.
 */

const isLong = process.env.VNET_LONG === '1'
const usualPart = isLong ? 12 : 100
const part = process.env.FUZZ_ALL === '1' ? 1 : usualPart

/** Returns a twelfth of `count` in a long run, a hundredth otherwise, all with FUZZ_ALL=1. */
export function scaled(count: number): number {
  return Math.ceil(count / part)
}

/**
 * Returns `long` in a long run, `short` otherwise: for counts whose cost does not grow with the
 * inputs.
 */
export function either<T>(long: T, short: T): T {
  return isLong ? long : short
}

/** The seed of a run; the environment variable FUZZ_SEED overrides it. */
export const SEED = Number(process.env.FUZZ_SEED ?? 1)

/** Returns the first `count` of `cases`, and in a long run all of them. */
export const firstOf = <T>(count: number, cases: readonly T[]): readonly T[] =>
  isLong ? cases : cases.slice(0, count)
