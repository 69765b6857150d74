/** The names of namespaces, which are host names. */
import { inspect } from 'node:util'
import { UsageError } from 'vnet/internal/base/usage-error'

/** The maximum length of an interface name, which starts with the name of a namespace. */
export const NAME_MAX = 15
/** The maximum length of a DNS label (RFC 1035 section 2.3.4). */
const HOST_MAX = 63

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i

/** Throws a UsageError for a value that is not a name, or a name among `taken`. */
export function checkName(name: unknown, taken: readonly string[]): asserts name is string {
  if (typeof name !== 'string') {
    throw new UsageError(`host ${inspect(name)}: names are arguments, as in lab.hosts('a', 'b')`)
  }
  if (!NAME.test(name) || name.length > HOST_MAX) {
    throw new UsageError(`host '${name}': a name has 1 to ${HOST_MAX} letters, digits and inner hyphens`)
  }
  const isTaken = [...taken, 'localhost'].some(other => other.toLowerCase() === name.toLowerCase())
  if (isTaken) throw new UsageError(`host '${name}': the name is taken`)
}
