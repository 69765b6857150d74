/** Runs of tokens that two texts have in common. */

/** A common run: where it starts in each text, and its number of tokens. */
export interface Match {
  readonly a: number
  readonly b: number
  readonly length: number
}

/** The tokens of a text, and where each run of LEAST tokens starts in it. */
export interface Indexed {
  readonly tokens: readonly string[]
  readonly starts: ReadonlyMap<string, readonly number[]>
}

/** Tokens of the shortest run: about two lines. Shorter ones are in most drivers. */
export const LEAST = 20

/** Returns the index of a text. */
export function indexed(tokens: readonly string[]): Indexed {
  const starts = new Map<string, number[]>()
  for (let at = 0; at + LEAST <= tokens.length; at++) {
    const run = runAt(tokens, at)
    const others = starts.get(run)
    if (others === undefined) {
      starts.set(run, [at])
    } else {
      others.push(at)
    }
  }
  return { tokens, starts }
}

const runAt = (tokens: readonly string[], at: number): string =>
  tokens.slice(at, at + LEAST).join(' ')

/**
 * Returns common runs of LEAST tokens or more, the longest first. No token of either text is in two
 * of them: a shorter run loses the tokens that a longer one has.
 */
export function matchesOf(a: Indexed, b: Indexed): Match[] {
  const [usedA, usedB] = [new Set<number>(), new Set<number>()]
  const accepted: Match[] = []
  const runs = longestRuns(a, b).sort((x, y) => y.length - x.length || x.a - y.a || x.b - y.b)
  for (const run of runs) {
    for (const part of unusedParts(run, usedA, usedB)) {
      accepted.push(part)
      for (let i = 0; i < part.length; i++) {
        usedA.add(part.a + i)
        usedB.add(part.b + i)
      }
    }
  }
  return accepted.sort((x, y) => y.length - x.length || x.a - y.a || x.b - y.b)
}

/** Returns the runs that can be extended in neither direction. */
function longestRuns(a: Indexed, b: Indexed): Match[] {
  const found: Match[] = []
  for (const [run, starts] of a.starts) {
    for (const j of b.starts.get(run) ?? []) {
      for (const i of starts) {
        const isInside = i > 0 && j > 0 && a.tokens[i - 1] === b.tokens[j - 1]
        if (!isInside) {
          found.push({ a: i, b: j, length: lengthAt(a.tokens, i, b.tokens, j) })
        }
      }
    }
  }
  return found
}

function lengthAt(a: readonly string[], i: number, b: readonly string[], j: number): number {
  let length = LEAST
  while (i + length < a.length && j + length < b.length && a[i + length] === b[j + length]) {
    length++
  }
  return length
}

/** Returns the parts of a run that are long enough without the tokens of longer runs. */
function unusedParts(run: Match, usedA: ReadonlySet<number>, usedB: ReadonlySet<number>): Match[] {
  const parts: Match[] = []
  let start = 0
  for (let i = 0; i <= run.length; i++) {
    if (i < run.length && !usedA.has(run.a + i) && !usedB.has(run.b + i)) continue
    if (i - start >= LEAST) {
      parts.push({ a: run.a + start, b: run.b + start, length: i - start })
    }
    start = i + 1
  }
  return parts
}
