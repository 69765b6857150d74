/**
 * How much a test does that draws its inputs or faults at random. `npm test` does a hundredth of what `npm run test:long` does;
 * a file that imports this module belongs to both.
 */

const isLong = process.env.VNET_LONG === '1'

/** Returns `count` in a long run, a hundredth of it otherwise. */
export function scaled(count: number): number {
  return isLong ? count : Math.ceil(count / 100)
}

/** Returns `long` in a long run, `short` otherwise: for counts whose cost is not that of their inputs. */
export function either<T>(long: T, short: T): T {
  return isLong ? long : short
}

/** The seed of a run: FUZZ_SEED in the environment chooses another. */
export const SEED = Number(process.env.FUZZ_SEED ?? 1)
