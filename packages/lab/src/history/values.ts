import { isDeepStrictEqual } from 'node:util'
import { attempt } from 'vnet'

/** Returns a copy that later changes do not reach; the value itself if it cannot be cloned. */
export function copyOf(value: unknown): unknown {
  return typeof value === 'object' ? (attempt(() => structuredClone(value)) ?? value) : value
}

/** Numbers that stand for values. Equal values have the same number; null is undefined. */
export class Values {
  readonly #plain = new Map<unknown, number>()
  readonly #objects: [object, number][] = []
  #count = 0

  of(given: unknown): number {
    // Copies have no classes: only copies are compared.
    const value = copyOf(given) ?? undefined
    const known =
      this.#plain.get(value) ??
      this.#objects.find(([other]) => isDeepStrictEqual(other, value))?.[1]
    if (known !== undefined) return known
    if (typeof value === 'object') {
      this.#objects.push([value, this.#count])
    } else {
      this.#plain.set(value, this.#count)
    }
    return this.#count++
  }
}
