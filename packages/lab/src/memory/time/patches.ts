/** Functions of Node that are wrapped while a world runs. */

type Method = (...args: unknown[]) => unknown

interface Patched {
  readonly owner: object
  readonly name: string
  readonly value: unknown
  readonly was: PropertyDescriptor | undefined
}

export class Patches {
  readonly #patched: Patched[] = []

  /** Sets a property, if it is not replaced already. */
  set(owner: object, name: string, value: unknown): void {
    if (this.#patched.some(patch => patch.owner === owner && patch.name === name)) return
    const was = Object.getOwnPropertyDescriptor(owner, name)
    const enumerable = was?.enumerable ?? false
    Object.defineProperty(owner, name, { value, enumerable, configurable: true, writable: true })
    this.#patched.push({ owner, name, value, was })
  }

  /** Replaces a method by `call`, which is given the method of before. */
  wrap(owner: object, name: string, call: (self: object, args: unknown[], was: Method) => unknown): void {
    const was = Reflect.get(owner, name) as Method | undefined
    if (was === undefined) return
    const value = function (this: object, ...args: unknown[]): unknown {
      return call(this, args, was)
    }
    this.set(owner, name, value)
  }

  /** Restores all properties, unless something else has replaced or restored them since. */
  restore(): void {
    for (const { owner, name, value, was } of this.#patched.splice(0).reverse()) {
      if (Reflect.get(owner, name) !== value) continue
      if (was === undefined) Reflect.deleteProperty(owner, name)
      else Object.defineProperty(owner, name, was)
    }
  }
}
