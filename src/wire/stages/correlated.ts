/**
 * Random draws that depend on the draw before. `correlation` is the correlation coefficient of
 * successive draws, 0 to 1. It changes neither their distribution nor, for events, their share:
 * `loss 10% 50%` loses 10 %. (netem mixes each draw with the one before, which narrows their
 * spread, so that its shares are not kept.)
 */
import type { Random } from '../../base/random.ts'

/**
 * Events: packets that are lost, duplicated, corrupted or sent ahead. Each draw is the one before
 * with probability `correlation`, and a new one otherwise: the discrete autoregressive process of
 * Jacobs and Lewis (1978). For events it is the Markov chain of two states in which an event
 * follows an event with probability share + correlation (1 - share).
 */
export class CorrelatedEvents {
  readonly #random: Random
  #last = -1

  constructor(random: Random) {
    this.#random = random
  }

  happens(share: number, correlation: number): boolean {
    if (correlation === 0 || this.#last < 0 || this.#random.next() >= correlation) {
      this.#last = this.#random.next()
    }
    return this.#last < share
  }
}

/**
 * Uniform numbers through a Gaussian copula: standard normal numbers of the autoregressive process
 * z' = a z + sqrt(1 - a^2) e, mapped by their distribution function. Values that are a function of
 * them drift from draw to draw. `copulaFor` finds the `a` for which such values have a correlation.
 */
export class CorrelatedUniform {
  readonly #random: Random
  #z = Number.NaN

  constructor(random: Random) {
    this.#random = random
  }

  /** Returns a number in [0, 1). `a` is 0 to 1. */
  next(a: number): number {
    if (a === 0) return this.#random.next()
    const fresh = normal(this.#random)
    this.#z = Number.isNaN(this.#z) ? fresh : a * this.#z + Math.sqrt(1 - a * a) * fresh
    return normalCdf(this.#z)
  }
}

/** Returns a standard normal number (Box and Muller, 1958). */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()))
  return radius * Math.cos(2 * Math.PI * random.next())
}

/** Beyond it the distribution function is 0 or 1 to a double's precision. */
const NORMAL_MAX = 8.25
const LARGEST_SHARE = 1 - Number.EPSILON / 2

/**
 * The distribution function of the standard normal distribution, below 1 (Marsaglia, "Evaluating
 * the Normal Distribution", Journal of Statistical Software 11(4), 2004).
 */
export function normalCdf(z: number): number {
  if (z < -NORMAL_MAX) return 0
  if (z > NORMAL_MAX) return LARGEST_SHARE
  let term = z
  let sum = z
  for (let i = 3, before = 0; sum !== before; i += 2) {
    before = sum
    term *= (z * z) / i
    sum += term
  }
  return Math.min(LARGEST_SHARE, Math.max(0, 0.5 + sum * normalDensity(z)))
}

export const normalDensity = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)

/** Hermite polynomials of the expansion below, many for the sake of steps; and its step. */
const DEGREES = 512
const STEP = 1 / 128
const ROOTS = Float64Array.from({ length: DEGREES + 1 }, (_, k) => Math.sqrt(k))

/**
 * Returns the `a` of a CorrelatedUniform with which successive values of `of(uniform)`, a function
 * that does not decrease, have the given correlation. By Mehler's formula their correlation is a
 * power series in `a`. Its coefficients are the squares of the coefficients of the Hermite
 * expansion of `of`.
 */
export function copulaFor(correlation: number, of: (uniform: number) => number): number {
  if (correlation === 0 || correlation === 1) return correlation
  const coefficients = new Float64Array(DEGREES)
  let squares = 0
  for (let z = -NORMAL_MAX; z <= NORMAL_MAX; z += STEP) {
    const weight = normalDensity(z) * STEP
    const value = of(normalCdf(z))
    squares += weight * value * value
    // The polynomials have norm 1: sqrt(k + 1) h(k + 1) = z h(k) - sqrt(k) h(k - 1), h(1) = z.
    for (let k = 0, before = 0, h = 1; k < DEGREES; k++) {
      coefficients[k] += weight * value * h
      const after = (z * h - ROOTS[k] * before) / ROOTS[k + 1]
      before = h
      h = after
    }
  }
  const variance = squares - coefficients[0] ** 2
  if (!(variance > 0)) return 0
  const correlationOf = (a: number) => {
    let [sum, rest, power] = [0, variance, 1]
    for (let k = 1; k < DEGREES; k++) {
      power *= a
      sum += coefficients[k] ** 2 * power
      rest -= coefficients[k] ** 2
    }
    return (sum + rest * power) / variance
  }
  let [low, high] = [0, 1]
  while (high - low > 1e-9) {
    const middle = (low + high) / 2
    if (correlationOf(middle) < correlation) {
      low = middle
    } else {
      high = middle
    }
  }
  return high
}
