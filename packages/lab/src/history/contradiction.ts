/** The errors of checks, and the operations that a check looks at. */
import { AssertionError } from 'node:assert'
import { UsageError } from 'vnet'
import { type Operation, operationText } from './history.ts'

type Check = (...args: never[]) => void

/** The most operations in a reason. */
export const LINES_MAX = 12

/** Returns an error with the last of `operations`. `check` is not in its stack. */
export function contradiction(
  what: string,
  operations: readonly Operation[],
  check: Check,
): AssertionError {
  const earlier = Math.max(0, operations.length - LINES_MAX)
  const lines = operations.slice(earlier).map(operationText)
  if (earlier > 0) {
    lines.unshift(`(${earlier} earlier operations)`)
  }
  const message = [`${what}:`, ...lines.map(line => `  ${line}`)].join('\n')
  return new AssertionError({ message, stackStartFn: check })
}

/** Returns an error of a check that finds out nothing, which is not the same as a contradiction. */
export function undecided(message: string, check: Check): AssertionError {
  return new AssertionError({ message, stackStartFn: check })
}

/**
 * Returns the operations by their keys. Throws a UsageError for operations of other names, and for
 * an empty history, with which a check would always pass.
 */
export function byKey(
  check: string,
  history: Iterable<Operation>,
  names: readonly string[],
): Map<Operation['key'], Operation[]> {
  const keys = new Map<Operation['key'], Operation[]>()
  for (const operation of history) {
    const { key, name } = operation
    if (!names.includes(name)) {
      const others = `[...history].filter(({ name }) => name !== '${name}')`
      throw new UsageError(`${check}: it checks ${names.join(', ')}; leave others out: ${others}`)
    }
    const known = keys.get(key)
    if (known === undefined) {
      keys.set(key, [operation])
    } else {
      known.push(operation)
    }
  }
  if (keys.size === 0) {
    throw new UsageError(`${check}: the history has no operations ${names.join(', ')}`)
  }
  return keys
}
