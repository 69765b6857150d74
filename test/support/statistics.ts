/**
 * Tests of random numbers against their law. Each bound is computed from the number of samples, so
 * that a right program exceeds it once in 150,000 runs (4.5 standard deviations): a small run is as
 * honest as a large one.
 */
import { expect } from 'vitest'

/** Standard deviations that a result may lie away from its law. */
export const DEVIATIONS = 4.5
/** What remains of a normal distribution beyond them, on one side. */
const TAIL = 3.4e-6

/** The least expected count of a class of the chi-square test. */
const EXPECTED_MIN = 10

/** Expects `value` within so many standard deviations of `mean`. */
export function expectNear(value: number, mean: number, deviation: number, what: string): void {
  const far = Math.abs(value - mean) / deviation
  expect(
    far,
    `${what}: ${value}, by its law ${mean}, a standard deviation is ${deviation}`,
  ).toBeLessThan(DEVIATIONS)
}

/** Expects `count` of `n` independent events of probability `p`. */
export function expectShare(count: number, n: number, p: number, what: string): void {
  expectNear(count / n, p, Math.sqrt((p * (1 - p)) / n), what)
}

/**
 * Expects that independent samples have the law `probability(i)`, by the chi-square test.
 * `counts[i]` is how often `i` was seen. Rare values are taken together.
 */
export function expectLaw(
  counts: readonly number[],
  probability: (i: number) => number,
  what: string,
): void {
  const n = counts.reduce((sum, count) => sum + count, 0)
  let [square, classes, left, leftSeen] = [0, 0, n, n]
  for (let i = 0, expected = 0, seen = 0; left - expected >= EXPECTED_MIN; i++) {
    expected += n * probability(i)
    seen += counts[i] ?? 0
    if (expected < EXPECTED_MIN || left - expected < EXPECTED_MIN) continue
    square += (seen - expected) ** 2 / expected
    classes++
    left -= expected
    leftSeen -= seen
    expected = 0
    seen = 0
  }
  square += (leftSeen - left) ** 2 / left
  expect(classes, `${what}: degrees of freedom`).toBeGreaterThanOrEqual(1)
  // Quantile of the chi-square distribution (Wilson and Hilferty, 1931).
  const most = classes * (1 - 2 / (9 * classes) + DEVIATIONS * Math.sqrt(2 / (9 * classes))) ** 3
  expect(square, `${what}: chi-square of ${classes} degrees, ${n} samples`).toBeLessThan(most)
}

/**
 * Expects that independent samples have the distribution function `cdf`, by the test of Kolmogorov
 * and Smirnov. `before` is its limit from below, for distributions with steps.
 */
export function expectDistribution(
  samples: Float64Array,
  cdf: (x: number) => number,
  what: string,
  before: (x: number) => number = cdf,
): void {
  const sorted = samples.slice().sort()
  const n = sorted.length
  let distance = 0
  for (let i = 0; i < n; ) {
    const x = sorted[i]
    const from = i
    while (i < n && !(sorted[i] > x)) {
      i++
    }
    distance = Math.max(distance, Math.abs(i / n - cdf(x)), Math.abs(from / n - before(x)))
  }
  const most = Math.sqrt(-Math.log(TAIL) / (2 * n))
  expect(distance, `${what}: distance of the distributions, ${n} samples`).toBeLessThan(most)
}

/**
 * Returns the correlation of successive samples with known mean and variance, and its standard
 * deviation, which is estimated from batches.
 */
export function successive(
  samples: Float64Array,
  mean: number,
  variance: number,
): { r: number; deviation: number } {
  const batches = 40
  const size = Math.floor(samples.length / batches)
  const rs = Array.from({ length: batches }, (_, batch) => {
    let sum = 0
    for (let i = batch * size; i < (batch + 1) * size - 1; i++) {
      sum += (samples[i] - mean) * (samples[i + 1] - mean)
    }
    return sum / (size - 1) / variance
  })
  const r = rs.reduce((sum, value) => sum + value, 0) / batches
  const spread = rs.reduce((sum, value) => sum + (value - r) ** 2, 0) / (batches - 1)
  return { r, deviation: Math.sqrt(spread / batches) }
}

/** A Markov chain with a loss probability for each state. */
export interface LossChain {
  /** transitions[i][j] is the probability of going from i to j. */
  readonly transitions: readonly (readonly number[])[]
  readonly losses: readonly number[]
}

/** What follows for the packets. */
export interface LossLaw {
  readonly rate: number
  /** The standard deviation of the rate of `n` packets. */
  deviation(n: number): number
  /** The probability that exactly `length` packets are lost, or sent, in a row. */
  burst(length: number): number
  gap(length: number): number
}

/** Returns the law of the losses of a chain, which must have one stationary distribution. */
export function lossLaw({ transitions, losses }: LossChain): LossLaw {
  const states = losses.map((_, i) => i)
  const step = (v: readonly number[]) =>
    states.map(j => states.reduce((sum, i) => sum + v[i] * transitions[i][j], 0))
  const times = (v: readonly number[], w: readonly number[]) => v.map((x, i) => x * w[i])
  const sum = (v: readonly number[]) => v.reduce((total, x) => total + x, 0)
  const sent = losses.map(loss => 1 - loss)
  let stationary: number[] = states.map(() => 1 / states.length)
  // Half a step each, so that a chain with a period settles as well.
  for (let i = 0; i < 20_000; i++) {
    const next = step(stationary)
    stationary = stationary.map((x, j) => (x + next[j]) / 2)
  }
  const rate = sum(times(stationary, losses))
  const covariances = () => {
    let total = 0
    let v = step(times(stationary, losses))
    for (let k = 1; k < 20_000; k++, v = step(v)) {
      total += sum(times(v, losses)) - rate * rate
    }
    return total
  }
  const variance = rate * (1 - rate) + 2 * covariances()
  /** The law of runs of packets with the verdict `within`, after a packet with the other one. */
  const runs = (within: readonly number[], other: readonly number[]) => {
    const law: number[] = []
    let v = times(step(times(stationary, other)), within)
    const all = sum(v)
    return (length: number) => {
      while (law.length <= length && law.length < 10_000) {
        const next = times(step(v), within)
        law.push((sum(v) - sum(next)) / all)
        v = next
      }
      return length === 0 ? 0 : (law[length - 1] ?? 0)
    }
  }
  return {
    rate,
    deviation: n => Math.sqrt(variance / n),
    burst: runs(losses, sent),
    gap: runs(sent, losses),
  }
}
