/** Options of a lab: a misspelt one is refused, for without types nothing else would say so. */
import { UsageError } from '../../netdev/driver.ts'

/** Throws a UsageError for an option that is not among `known`. */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find(key => !known.includes(key))
  if (unknown !== undefined) throw new UsageError(`${what}: no option is called '${unknown}', but ${known.join(', ')}`)
}
