/** Watches the calls that a driver makes of the objects that it was given. */

/** Calls `look` before each call of a method of this object. */
export function beforeCall(object: object, method: string, look: () => void): void {
  const target = object as Record<string, (...args: unknown[]) => unknown>
  const call = target[method]
  if (call === undefined) throw new TypeError(`no method ${method}`)
  target[method] = (...args) => {
    look()
    return call.apply(object, args)
  }
}

/** Records the names of methods, such as `napi.enable`, as they are called. */
export function recordCalls(methods: Readonly<Record<string, object>>): string[] {
  const called: string[] = []
  for (const [name, object] of Object.entries(methods)) {
    beforeCall(object, name.slice(name.lastIndexOf('.') + 1), () => called.push(name))
  }
  return called
}
