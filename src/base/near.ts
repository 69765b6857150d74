/** Names a known word that is near to an unknown one. */

/** Returns `; did you mean 'delay'?`, or nothing if no word is near. */
export function didYouMean(wrong: string, candidates: Iterable<string>): string {
  let best: string | undefined
  let least = Math.min(3, Math.ceil(wrong.length / 2))
  for (const candidate of candidates) {
    const distance = distanceOf(wrong.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best === undefined ? '' : `; did you mean '${best}'?`
}

/** Letters to insert, remove, replace or swap with their neighbour to make `b` of `a`. */
function distanceOf(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(replaced, row[j] + 1, next[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        next[j] = Math.min(next[j], before[j - 2] + 1)
    }
    before = row
    row = next
  }
  return row[b.length]
}
