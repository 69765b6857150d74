/** Objects that code of a host returns and that start when they are awaited, elsewhere. */
import { AsyncResource } from 'node:async_hooks'

type Then = (this: object, ...callbacks: unknown[]) => unknown

/**
 * Makes a request or a query of a library, which starts when its `then` is called, start as code of
 * a host. The callbacks remain code of the caller. Returns the object itself; promises, which have
 * started, and all other values as they are.
 */
export function startIn<T>(result: T, enter: (fn: () => unknown) => unknown): T {
  if ((typeof result !== 'object' && typeof result !== 'function') || result === null) return result
  const { then } = result as { then?: unknown }
  if (typeof then !== 'function' || then === Promise.prototype.then) return result
  const value: Then = function (...callbacks) {
    const own = callbacks.map(each =>
      typeof each === 'function' ? AsyncResource.bind(each as () => void) : each,
    )
    return enter(() => (then as Then).apply(this, own))
  }
  // A frozen object keeps its own.
  Reflect.defineProperty(result, 'then', { value, configurable: true, writable: true })
  return result
}
