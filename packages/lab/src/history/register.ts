/** linearizable: the check of a register with `read`, `write` and `cas` (compare and set). */
import { UsageError } from 'vnet'
import { byKey, contradiction, LINES_MAX, undecided } from './contradiction.ts'
import type { Operation } from './history.ts'
import { ANY, SAME, type Step, search } from './search.ts'
import { Values } from './values.ts'

/** Options of the check `linearizable`. */
export interface LinearizableOptions {
  /** The value before the first write; null by default, which is the same as undefined. */
  readonly initial?: unknown
  /** How many states are searched for each key. 200,000 by default. */
  readonly limit?: number
}

type RegisterStep = Step & { readonly operation: Operation }

const LIMIT = 200_000
/** The same for each of the searches that make the reason short, and for all of them. */
const SHORT_LIMIT = 10_000
const SHORT_LIMIT_ALL = 100_000

/**
 * Throws an AssertionError if the registers are not linearizable: if no order of the operations
 * explains their results in which no operation comes before one that had ended when it started.
 * Each key is a register. The value of a `cas` is `[from, to]`; its result is false if the register
 * had another value than `from`. Throws, too, if the limit does not suffice to find out, and a
 * UsageError for operations of other names.
 */
export function linearizable(
  history: Iterable<Operation>,
  { initial, limit = LIMIT }: LinearizableOptions = {},
): void {
  for (const [key, operations] of byKey('linearizable', history, ['read', 'write', 'cas'])) {
    const numbers = new Values()
    const first = numbers.of(initial)
    const steps = operations.flatMap(operation => stepsOf(operation, numbers))
    const found = search(steps, first, limit)
    const of = key === undefined ? '' : ` of ${key}`
    if (found.verdict === 'unknown') {
      const open = operations.filter(({ outcome }) => outcome === 'info').length
      const what = `cannot tell if the ${operations.length} operations${of} are linearizable`
      throw undecided(
        `${what}: the limit is ${limit} states, and ${open} have no known outcome`,
        linearizable,
      )
    }
    if (found.verdict === 'yes') continue
    const reason = shortest(steps, found.blocked as RegisterStep, first)
    throw contradiction(
      `not linearizable: no order explains these operations${of}`,
      reason,
      linearizable,
    )
  }
}

/** Returns the step of an operation; none if it cannot have changed or shown anything. */
function stepsOf(operation: Operation, numbers: Values): RegisterStep[] {
  const { name, value, result, outcome, from, to } = operation
  if (outcome === 'fail') return []
  const place = { operation, from, to, isOther: false }
  if (name === 'write') return [{ ...place, finds: ANY, leaves: numbers.of(value) }]
  if (name === 'read') {
    return outcome === 'info' ? [] : [{ ...place, finds: numbers.of(result), leaves: SAME }]
  }
  if (!Array.isArray(value) || value.length !== 2) {
    throw new UsageError(
      "linearizable: the value of a cas is a pair: history.invoke('cas', [from, to])",
    )
  }
  const [finds, leaves] = value.map(each => numbers.of(each)) as [number, number]
  if (result === false) return [{ ...place, finds, isOther: true, leaves: SAME }]
  if (finds !== leaves) return [{ ...place, finds, leaves }]
  return outcome === 'info' ? [] : [{ ...place, finds, leaves: SAME }]
}

/**
 * Returns a small set of operations that contradict each other by their results and times, and the
 * writes of the values that they have read. `all` has no order that reaches the end of `blocked`.
 */
function shortest(
  all: readonly RegisterStep[],
  blocked: RegisterStep,
  initial: number,
): Operation[] {
  let steps = all.flatMap(step => {
    if (step.from > blocked.to) return []
    return step.to > blocked.to ? weaker(step, step.from) : [step]
  })
  const core = new Set(steps)
  let left = SHORT_LIMIT_ALL
  // In halves, quarters and so on, because few steps matter.
  for (let size = steps.length; size >= 1 && left > 0; size = Math.floor(size / 2)) {
    // Reads first: writes that remain show where their values come from.
    const candidates = [...core].sort((a, b) => a.leaves - b.leaves)
    for (let at = 0; at < candidates.length && left > 0; at += size) {
      const chunk = new Set(candidates.slice(at, at + size))
      const fewer = steps.flatMap(step => (chunk.has(step) ? weaker(step, 0) : [step]))
      const { verdict, states } = search(fewer, initial, Math.min(left, SHORT_LIMIT))
      left -= states
      if (verdict !== 'no') continue
      steps = fewer
      for (const step of chunk) {
        core.delete(step)
      }
    }
  }
  const shown = [...core].map(({ operation }) => operation)
  const found = new Set([...core].map(({ finds }) => finds))
  const writers = steps.filter(({ leaves }) => found.has(leaves)).map(({ operation }) => operation)
  const both = [...new Set([...shown, ...writers])]
  return (both.length > LINES_MAX ? shown : both).sort((a, b) => a.from - b.from)
}

/** Returns a step that may happen at any time from `from` on, or never. */
function weaker(step: RegisterStep, from: number): RegisterStep[] {
  return step.leaves === SAME ? [] : [{ ...step, from, to: Number.POSITIVE_INFINITY }]
}
