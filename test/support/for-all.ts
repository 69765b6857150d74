/**
 * Properties that hold for all values of some arbitraries. `npm test` checks a quarter of the
 * values; a file that imports this module also belongs to `npm run test:long`, which checks all.
 */
import fc from 'fast-check'

const isQuick = process.env.VNET_QUICK === '1'

/**
 * Strings of all code points but the surrogates. The unit 'binary' of fast-check has the same ones,
 * but takes seconds to make them.
 */
export const unicode: fc.Arbitrary<string> = fc.string({
  unit: fc
    .nat(0x10_ffff - 0x800)
    .map(number => String.fromCodePoint(number < 0xd800 ? number : number + 0x800)),
})

type Arbitraries<Values extends [unknown, ...unknown[]]> = {
  [K in keyof Values]: fc.Arbitrary<Values[K]>
}

const parametersOf = <Values>(runs: number | fc.Parameters<Values>): fc.Parameters<Values> =>
  typeof runs === 'number' ? { numRuns: isQuick ? Math.ceil(runs / 4) : runs } : runs

/** Checks a property with this many values, or with these parameters of fast-check. */
export function forAll<Values extends [unknown, ...unknown[]]>(
  runs: number | fc.Parameters<Values>,
  arbitraries: Arbitraries<Values>,
  check: (...values: Values) => boolean | void,
): void {
  fc.assert(fc.property(...arbitraries, check), parametersOf(runs))
}

/** Like forAll, for a check that waits. */
export async function forAllAsync<Values extends [unknown, ...unknown[]]>(
  runs: number | fc.Parameters<Values>,
  arbitraries: Arbitraries<Values>,
  check: (...values: Values) => Promise<boolean | void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(...arbitraries, check), parametersOf(runs))
}
