import { inspect } from 'node:util'
import { UsageError } from '../base/usage-error.ts'
import { parsePrefix } from '../packet/address.ts'

/** Throws a UsageError unless `addresses` is a list of addresses with their prefixes. */
export function checkAddresses(addresses: readonly string[]): void {
  if (!Array.isArray(addresses)) {
    throw new UsageError(`addresses ${inspect(addresses)}: give a list, such as ['198.18.0.1/24']`)
  }
  const wrong = addresses.find(text => typeof text !== 'string' || parsePrefix(text) === undefined)
  if (wrong !== undefined) {
    throw new UsageError(`addresses: ${inspect(wrong)} is not an address with its prefix, such as 198.18.0.1/24`)
  }
}
