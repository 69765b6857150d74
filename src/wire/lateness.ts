/**
 * Lateness: how much later packets left a stage than specified, in ns, as a histogram. Its buckets
 * are an eighth of a power of two wide, so a quantile is right within 12.5 %.
 */
const EIGHTHS = 8
const POWERS = 40

export class Lateness {
  readonly #counts = new Float64Array(EIGHTHS * POWERS)
  #total = 0

  get total(): number {
    return this.#total
  }

  add(ns: number, n = 1): void {
    this.#counts[bucket(ns)] += n
    this.#total += n
  }

  /** Pairs of a time in ns and the packets at most this late, but later than the time before. */
  counts(): (readonly [number, number])[] {
    const counts: (readonly [number, number])[] = []
    for (const [i, n] of this.#counts.entries()) {
      if (n !== 0) {
        counts.push([upper(i), n])
      }
    }
    return counts
  }

  /** Returns the lateness that a share `q` of the packets did not exceed, in ns; 0 without one. */
  quantile(q: number): number {
    let left = q * this.#total
    if (left === 0) return 0
    for (const [i, n] of this.#counts.entries()) {
      left -= n
      if (n > 0 && left <= 0) return upper(i)
    }
    return upper(this.#counts.length - 1)
  }
}

/** In integers below two seconds, where nearly all are, because it runs for every packet. */
function bucket(ns: number): number {
  if (!(ns >= 1)) return 0
  if (ns < 2 ** 31) {
    const power = 31 - Math.clz32(ns)
    const eighths = power < 3 ? ns << (3 - power) : ns >> (power - 3)
    return EIGHTHS * power + (eighths & (EIGHTHS - 1))
  }
  const power = Math.min(POWERS - 1, Math.floor(Math.log2(ns)))
  return EIGHTHS * power + Math.min(EIGHTHS - 1, Math.floor((ns / 2 ** power - 1) * EIGHTHS))
}

function upper(i: number): number {
  return 2 ** Math.floor(i / EIGHTHS) * (1 + ((i % EIGHTHS) + 1) / EIGHTHS)
}
