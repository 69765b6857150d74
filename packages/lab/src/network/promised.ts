/** Promises of labs that say what is missing if they are used in place of their results. */
import { UsageError } from 'vnet'

/** The names of the properties and methods of a class's objects. */
export const membersOf = (
  { prototype }: { readonly prototype: object },
  ...fields: readonly string[]
): string[] =>
  [...Object.getOwnPropertyNames(prototype), ...fields].filter(name => !(name in Promise.prototype))

/** Returns the promise of a call. Members of its result throw a UsageError that names the call. */
export function promised<T>(
  promise: Promise<T>,
  call: string,
  members: readonly string[],
): Promise<T> {
  for (const name of members) {
    const get = () => {
      throw new UsageError(
        `${call} returns a promise, which has no ${name}: write await before the call`,
      )
    }
    Object.defineProperty(promise, name, { get, configurable: true })
  }
  return promise
}
