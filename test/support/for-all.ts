/** Properties that hold for all values of some arbitraries. */
import fc from 'fast-check'

type Arbitraries<Values extends [unknown, ...unknown[]]> = {
  [K in keyof Values]: fc.Arbitrary<Values[K]>
}

/** Checks a property with this many values, or with these parameters of fast-check. */
export function forAll<Values extends [unknown, ...unknown[]]>(
  runs: number | fc.Parameters<Values>,
  arbitraries: Arbitraries<Values>,
  check: (...values: Values) => boolean | void,
): void {
  fc.assert(fc.property(...arbitraries, check), typeof runs === 'number' ? { numRuns: runs } : runs)
}

/** Like forAll, for a check that waits. */
export async function forAllAsync<Values extends [unknown, ...unknown[]]>(
  runs: number | fc.Parameters<Values>,
  arbitraries: Arbitraries<Values>,
  check: (...values: Values) => Promise<boolean | void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(...arbitraries, check),
    typeof runs === 'number' ? { numRuns: runs } : runs,
  )
}
