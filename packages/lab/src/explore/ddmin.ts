/** Delta debugging: the smallest part of a set that still fails. */

/**
 * Returns a subset of `set` for which `fails` settles with true, and no element of which can be
 * left out: ddmin (Zeller and Hildebrandt, 2002). `set` itself is known to fail. The order of the
 * elements is kept.
 */
export async function ddmin<T>(
  set: readonly T[],
  fails: (subset: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let smallest = set
  let parts = 2
  while (smallest.length > 1) {
    const chunks = split(smallest, Math.min(parts, smallest.length))
    const chunk = await firstOf(chunks, fails)
    if (chunk !== undefined) {
      smallest = chunk
      parts = 2
      continue
    }
    // With two chunks, what is left without one of them is the other.
    const rests =
      chunks.length === 2 ? [] : chunks.map(left => smallest.filter(each => !left.includes(each)))
    const rest = await firstOf(rests, fails)
    if (rest !== undefined) {
      smallest = rest
      parts = Math.max(2, chunks.length - 1)
    } else if (chunks.length === smallest.length) {
      break
    } else {
      parts = 2 * chunks.length
    }
  }
  return smallest
}

async function firstOf<T>(
  sets: readonly T[],
  test: (set: T) => Promise<boolean>,
): Promise<T | undefined> {
  for (const set of sets) {
    if (await test(set)) {
      return set
    }
  }
  return undefined
}

function split<T>(set: readonly T[], parts: number): T[][] {
  const from = (part: number) => Math.floor((part * set.length) / parts)
  return Array.from({ length: parts }, (_, part) => set.slice(from(part), from(part + 1)))
}
