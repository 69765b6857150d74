/** Options as objects: a misspelt one is refused, which only types would notice otherwise. */
import { UsageError } from './driver.ts'

/** Throws a UsageError for an option that is not among `known`. */
export function checkOptions(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find(key => !known.includes(key))
  if (unknown !== undefined) throw new UsageError(`${what}: no option is called '${unknown}', but ${known.join(', ')}`)
}
