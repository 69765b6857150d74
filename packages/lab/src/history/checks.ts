/** Checks of histories of sets, counters, commands and identifiers. */
import { UsageError } from 'vnet'
import { byKey, contradiction, undecided } from './contradiction.ts'
import { type Operation, valueText } from './history.ts'
import { Values } from './values.ts'

/**
 * Throws an AssertionError if an acknowledged `add` is not in the last acknowledged `read`. The
 * result of this read is an array or a Set of all values. It must have started after the last
 * acknowledgment; otherwise this throws, too, because the read proves nothing. Each key is a set.
 */
export function noLostWrites(history: Iterable<Operation>): void {
  for (const [key, operations] of byKey('noLostWrites', history, ['add', 'read'])) {
    const of = key === undefined ? '' : ` of ${key}`
    const acknowledged = operations.filter(({ outcome }) => outcome === 'ok')
    const adds = acknowledged.filter(({ name }) => name === 'add')
    const last = acknowledged.findLast(({ name }) => name === 'read')
    const late = adds.find(({ to }) => to > (last?.from ?? -1))
    if (last === undefined || late !== undefined) {
      throw undecided(
        `noLostWrites: read${of} once more, after the last add has ended`,
        noLostWrites,
      )
    }
    const numbers = new Values()
    const found = new Set(listOf(last.result).map(value => numbers.of(value)))
    const lost = adds.filter(({ value }) => !found.has(numbers.of(value)))
    if (lost.length === 0) continue
    const what = `${lost.length} of ${adds.length} acknowledged writes are not in the last read${of}`
    throw contradiction(what, [...lost, last], noLostWrites)
  }
}

function listOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result
  if (result instanceof Set) return [...result]
  throw new UsageError(
    `noLostWrites: the last read has an array or a Set of all values, not ${valueText(result)}`,
  )
}

/**
 * Throws an AssertionError if a server has executed an operation twice. `executed` has the values
 * of the operations in the order in which the server has executed them, such as the ids of orders.
 */
export function onceOnly(history: Iterable<Operation>, executed: Iterable<unknown>): void {
  const numbers = new Values()
  const seen = new Set<number>()
  for (const value of executed) {
    const number = numbers.of(value)
    if (seen.has(number)) {
      const own = [...history].filter(operation => numbers.of(operation.value) === number)
      throw contradiction(`the server has executed ${valueText(value)} twice`, own, onceOnly)
    }
    seen.add(number)
  }
}

/**
 * Throws an AssertionError if a `read` of a counter is less than the sum of the additions that were
 * acknowledged before its start, or more than the sum of all that may have happened before its end.
 * The value of an `add` is a number, which may be negative. Each key is a counter, which starts at
 * `initial`.
 */
export function counter(
  history: Iterable<Operation>,
  { initial = 0 }: { readonly initial?: number } = {},
): void {
  for (const [, operations] of byKey('counter', history, ['add', 'read'])) {
    const adds = operations.filter(({ name, outcome }) => name === 'add' && outcome !== 'fail')
    for (const { value } of adds) {
      checkNumber('the value of an add', value)
    }
    for (const read of operations) {
      if (read.name !== 'read' || read.outcome !== 'ok') continue
      checkNumber('the result of a read', read.result)
      const [least, most] = boundsOf(read, adds, initial)
      const result = read.result as number
      if (result >= least && result <= most) continue
      const bounds = least === most ? `${least}` : `${least} to ${most}`
      throw contradiction(`the counter can be ${bounds} here, not ${result}`, [read], counter)
    }
  }
}

/** Returns the least and the greatest number that a read can have. */
function boundsOf(
  read: Operation,
  adds: readonly Operation[],
  initial: number,
): [least: number, most: number] {
  let [least, most] = [initial, initial]
  for (const { value, from, to } of adds) {
    const number = value as number
    const isCertain = to < read.from
    if (from > read.to) continue
    if (isCertain || number < 0) {
      least += number
    }
    if (isCertain || number > 0) {
      most += number
    }
  }
  return [least, most]
}

function checkNumber(what: string, value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value)) return
  throw new UsageError(`counter: ${what} is a number, not ${valueText(value)}`)
}

/** Throws an AssertionError if two acknowledged operations `generate` have the same result. */
export function uniqueIds(history: Iterable<Operation>): void {
  const numbers = new Values()
  const known = new Map<number, Operation>()
  const all = [...byKey('uniqueIds', history, ['generate']).values()]
    .flat()
    .sort((a, b) => a.from - b.from)
  for (const operation of all) {
    const { outcome, result } = operation
    if (outcome !== 'ok') continue
    const id = numbers.of(result)
    const other = known.get(id)
    if (other !== undefined) {
      throw contradiction(`${valueText(result)} is not unique`, [other, operation], uniqueIds)
    }
    known.set(id, operation)
  }
}
