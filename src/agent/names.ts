/** Refuses names of labels, annotations and keys that are meant for vnet and unknown to it. */
import { printable, UsageError } from '../base/index.ts'
import { didYouMean } from '../base/usage-error.ts'

/** The names of one source, such as labels, by which strangers write a wire. */
export interface KnownNames {
  /** What one is, for messages: `label`. */
  readonly what: string
  /** The name of each field of a wire. */
  readonly known: Readonly<Record<string, string>>
  /** Matches the names that are vnet's. A known name in another spelling is one as well. */
  readonly prefix: RegExp
}

/** Returns whether a name is meant for vnet, as one that it knows or as a mistake. */
export function isOurs(name: string, { known, prefix }: KnownNames): boolean {
  return prefix.test(name) || Object.values(known).some(each => spelling(each) === spelling(name))
}

/** Throws a UsageError of one line for the first of `names` that is meant for vnet and unknown. */
export function checkNames(names: readonly string[], kind: KnownNames): void {
  const known = Object.values(kind.known)
  const wrong = names.find(name => isOurs(name, kind) && !known.includes(name))
  if (wrong === undefined) return
  const near = known.find(each => spelling(each) === spelling(wrong))
  const advice = near === undefined ? didYouMean(wrong, known) : `; did you mean '${near}'?`
  throw new UsageError(
    `${kind.what} '${printable(wrong)}' is unknown${advice || `; there are ${known.join(', ')}`}`,
  )
}

/** Throws a UsageError if there are names without the name of a wire, such as a seed alone. */
export function checkHasWire(
  names: readonly string[],
  { what, known }: KnownNames,
  hasWire: boolean,
): void {
  const alone = names.find(name => Object.values(known).includes(name))
  if (!hasWire && alone !== undefined) {
    throw new UsageError(`${what} '${alone}' alone is no wire: add '${known.wire}'`)
  }
}

/** Labels, annotations and variables differ by these marks and by upper case. */
const spelling = (name: string): string =>
  name
    .toLowerCase()
    .replace(/^vnet\.dev\//, 'vnet.')
    .replace(/[._/-]/g, '')
