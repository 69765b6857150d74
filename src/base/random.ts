/** Chance as streams of numbers from a seed, so that a run can be replayed. Not for secrets. */

/**
 * A stream of numbers that its seed determines. Each draw moves it on. A part that must draw the
 * same numbers whatever the others do takes a stream of its own, by `fork`.
 */
export interface Random {
  /** Returns a number in [0, 1). */
  next(): number
  /** Returns a whole number in [0, n). */
  below(n: number): number
  /** Returns a separate stream, which later draws from this one do not change. */
  fork(): Random
}

/** The sfc32 generator of PractRand: period about 2^127. The 32 low bits of `seed` count. */
export function random(seed: number): Random {
  let a = 0x9e3779b9
  let b = 0x243f6a88
  let c = seed | 0
  let counter = 1
  function word(): number {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) {
    word()
  }
  return {
    next: () => word() / 0x1_0000_0000,
    below: n => Math.floor((word() / 0x1_0000_0000) * n),
    fork: () => random(word()),
  }
}

/**
 * Returns the stream of a name, such as `ab/loss/2`, under a seed, so that no stage of a wire
 * shifts the draws of another. The seed of the stream is FNV-1a over both, then mixed.
 */
export function stream(seed: number, name: string): Random {
  let hash = 0x811c9dc5
  for (const char of `${seed}/${name}`) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return random(hash ^ (hash >>> 13))
}

/** Returns the run's seed for the first pair of wires, and seeds drawn from it for others. */
export function pairSeed(seed: number, nth: number): number {
  return nth === 0 ? seed : stream(seed, `pair/${nth}`).below(2 ** 31) + 1
}
