/**
 * The size of tests with random inputs or faults. `npm test` runs a hundredth of `npm run
 * test:long`; a file that imports this module belongs to both.
 */

const isLong = process.env.VNET_LONG === '1'

/** Returns `count` in a long run, a hundredth of it otherwise. */
export function scaled(count: number): number {
  return isLong ? count : Math.ceil(count / 100)
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
