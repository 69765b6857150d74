/**
 * Distributions of delays. A table has the quantiles of a distribution as whole numbers in units of
 * 1/8192 of the jitter. A delay is time + jitter t / 8192, with t drawn from the table; below zero
 * it is 0.
 *
 * The tables made here have mean 0 and standard deviation 8192, so that `time` is the mean and
 * `jitter` the standard deviation of the delays. They end at four standard deviations, beyond which
 * 16 bits do not reach. Without a table, `uniform`, delays lie between time - jitter and time +
 * jitter.
 */
import { UsageError } from '../../base/usage-error.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import type { Cursor } from '../grammar/cursor.ts'
import { fromFile } from '../grammar/groups.ts'
import { quote } from '../units.ts'
import { normalCdf, normalDensity } from './correlated.ts'

export const DISTRIBUTIONS = ['uniform', 'normal', 'pareto', 'paretonormal'] as const
export type Distribution = (typeof DISTRIBUTIONS)[number] | Int16Array

/** The number in a table that stands for the whole jitter. */
export const TABLE_FACTOR = 8192
/** The number of entries of the tables made here, and the most that a file may have. */
const TABLE_SIZE = 4096
const TABLE_MAX = 16384
const INT16_MIN = -0x8000
const INT16_MAX = 0x7fff

/** The exponent of the Pareto distribution, as in tc(8)'s table. */
const PARETO_ALPHA = 3
/** `paretonormal` is this share of the normal distribution's quantiles, the rest of Pareto's. */
const NORMAL_SHARE = 0.25

export function readDistribution(c: Cursor): string {
  return c.value('distribution needs uniform, normal, pareto, paretonormal or a file', text => text)
}

export function printDistribution(distribution: Distribution | string): string {
  return typeof distribution === 'string' ? quote(distribution) : 'table'
}

/** Returns a distribution that a program names. Throws a UsageError for an unknown one. */
export function known(distribution: Distribution): Distribution {
  if (typeof distribution !== 'string' || isKnown(distribution)) return distribution
  throw new UsageError(
    `'${distribution}' is not a distribution: ${DISTRIBUTIONS.join(', ')}, or a table`,
  )
}

function isKnown(name: string): name is (typeof DISTRIBUTIONS)[number] {
  return DISTRIBUTIONS.some(distribution => distribution === name)
}

export function readTable(
  distribution: Distribution | string,
  resources: WireResources,
): Int16Array | undefined {
  if (typeof distribution !== 'string' || isKnown(distribution)) return tableOf(distribution)
  const needs = `distribution needs ${DISTRIBUTIONS.join(', ')} or a file; `
  return tableOf(fromFile(distribution, resources, parseTable, needs))
}

/** Returns the table of a distribution, sorted; undefined for `uniform`. Throws a UsageError. */
export function tableOf(distribution: Distribution): Int16Array | undefined {
  if (typeof distribution !== 'string') return notEmpty(distribution).slice().sort()
  known(distribution)
  if (distribution === 'uniform') return undefined
  if (distribution === 'normal') return standardized(normalQuantiles())
  if (distribution === 'pareto') return standardized(paretoQuantiles())
  const pareto = paretoQuantiles()
  const mean = PARETO_ALPHA / (PARETO_ALPHA - 1)
  const deviation = Math.sqrt(mean / ((PARETO_ALPHA - 1) * (PARETO_ALPHA - 2)))
  return standardized(
    normalQuantiles().map(
      (z, i) => NORMAL_SHARE * z + ((1 - NORMAL_SHARE) * (pareto[i] - mean)) / deviation,
    ),
  )
}

/** Returns the number of the share `i`: the middle of its part of the table. */
const shareAt = (i: number): number => (i + 0.5) / TABLE_SIZE

function paretoQuantiles(): Float64Array {
  return Float64Array.from(
    { length: TABLE_SIZE },
    (_, i) => (1 - shareAt(i)) ** (-1 / PARETO_ALPHA),
  )
}

/** Computes them by Newton's method, from each quantile to the next. */
function normalQuantiles(): Float64Array {
  const quantiles = new Float64Array(TABLE_SIZE)
  let z = 0
  for (let i = TABLE_SIZE / 2; i < TABLE_SIZE; i++) {
    for (let step = 1; Math.abs(step) > 1e-9; z += step) {
      step = (shareAt(i) - normalCdf(z)) / normalDensity(z)
    }
    quantiles[i] = z
    quantiles[TABLE_SIZE - 1 - i] = -z
  }
  return quantiles
}

/** Returns the quantiles with mean 0 and standard deviation 1, once they are cut to 16 bits. */
function standardized(quantiles: Float64Array): Int16Array {
  let [shift, scale] = [0, 1]
  const cut = () =>
    quantiles.map(
      q =>
        Math.min(INT16_MAX, Math.max(INT16_MIN, TABLE_FACTOR * scale * (q - shift))) / TABLE_FACTOR,
    )
  // Each round brings it nearer; the remaining error is too small for a table of 16 bits.
  for (let rounds = 0; rounds < 100; rounds++) {
    const values = cut()
    const mean = values.reduce((sum, value) => sum + value, 0) / TABLE_SIZE
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / TABLE_SIZE
    if (Math.abs(mean) + Math.abs(variance - 1) < 1e-9) break
    shift += mean / scale
    scale /= Math.sqrt(variance)
  }
  return Int16Array.from(cut(), value => Math.round(TABLE_FACTOR * value))
}

/**
 * Returns the table of a file as tc(8) reads them: whole numbers from -32768 to 32767 between
 * spaces, at most 16,384; the text after a `#` on a line is a comment. Throws a UsageError with the
 * line.
 */
export function parseTable(text: string): Int16Array {
  const numbers: number[] = []
  for (const [i, line] of text.split('\n').entries()) {
    for (const word of line.replace(/#.*/, '').split(/\s+/).filter(Boolean)) {
      const number = /^[+-]?\d+$/.test(word) ? Number(word) : Number.NaN
      if (!(number >= INT16_MIN && number <= INT16_MAX)) {
        throw new UsageError(
          `line ${i + 1}: '${word}' is not a whole number from ${INT16_MIN} to ${INT16_MAX}`,
        )
      }
      if (numbers.length === TABLE_MAX) {
        throw new UsageError(`line ${i + 1}: more than ${TABLE_MAX} numbers`)
      }
      numbers.push(number)
    }
  }
  return notEmpty(Int16Array.from(numbers))
}

function notEmpty(table: Int16Array): Int16Array {
  if (table.length === 0) throw new UsageError('the table is empty: it needs at least one number')
  return table
}
