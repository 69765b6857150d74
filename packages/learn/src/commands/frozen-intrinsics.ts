/** Freezes JavaScript's intrinsics, so that later code cannot change `for`, `await` or a Map. */

/** The globals of JavaScript, and the platform's globals that vnet calls. */
const GLOBALS = `
  AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array Boolean DataView
  Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function Int16Array
  Int32Array Int8Array Intl Iterator JSON Map Math Number Object Promise Proxy RangeError ReferenceError Reflect RegExp
  Set SharedArrayBuffer String SuppressedError Symbol SyntaxError Temporal TypeError URIError Uint16Array Uint32Array
  Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet WebAssembly decodeURI decodeURIComponent encodeURI
  encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt unescape
  TextDecoder TextEncoder clearImmediate clearInterval clearTimeout queueMicrotask setImmediate setInterval setTimeout
  structuredClone`
  .trim()
  .split(/\s+/)

/** Returns objects with prototypes that no global leads to. */
function samples(): object[] {
  const iterator = (function* () {})()
  return [
    iterator,
    (async function* () {})(),
    async () => {},
    [].values(),
    new Map().entries(),
    new Set().values(),
    ''[Symbol.iterator](),
    ''.matchAll(/./g),
    // Of ES2025.
    ...('map' in iterator
      ? [(iterator as unknown as { map(f: () => number): object }).map(() => 0)]
      : []),
  ]
}

const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, preventExtensions } = Object
const { ownKeys } = Reflect
const { captureStackTrace } = Error

/** Whether a value is an object or a function. */
export const isObject = (value: unknown): value is object =>
  typeof value === 'function' || (typeof value === 'object' && value !== null)

/**
 * Freezes the intrinsics, and the prototypes of `more`, which are classes or instances. Assigning
 * an inherited name on an object that is not frozen works as before: it adds an own property.
 */
export function freezeIntrinsics(more: readonly object[] = []): void {
  const reached = new Set<object>()
  const inherited = [...samples(), ...more.filter(each => typeof each !== 'function')].map(
    getPrototypeOf,
  )
  const globals = GLOBALS.map(name => (globalThis as Record<string, unknown>)[name]).filter(
    each => each !== globalThis && isObject(each),
  ) as object[]
  const visit = (value: unknown): void => {
    if (!isObject(value) || reached.has(value)) return
    reached.add(value)
    visit(getPrototypeOf(value))
    for (const member of members(value)) {
      visit(member)
    }
  }
  for (const root of [
    ...globals,
    ...inherited,
    ...more.filter(each => typeof each === 'function'),
  ]) {
    visit(root)
  }
  for (const object of reached) {
    freeze(object)
  }
  for (const name of GLOBALS) {
    fix(globalThis, name)
  }
}

function members(object: object): unknown[] {
  return ownKeys(object).flatMap(key => {
    const { value, get, set } = getOwnPropertyDescriptor(object, key) as PropertyDescriptor
    return [get, set, typeof value === 'function' || key === 'prototype' ? value : undefined]
  })
}

function freeze(object: object): void {
  for (const key of ownKeys(object)) {
    // It changes no result, and V8 records no stack without it.
    if (object === Error && key === 'stackTraceLimit') continue
    const found = getOwnPropertyDescriptor(object, key) as Required<PropertyDescriptor>
    if (found.configurable && found.writable && isAssignable(object, key)) {
      defineProperty(object, key, overridable(object, key, found))
    } else {
      fix(object, key)
    }
  }
  preventExtensions(object)
}

/**
 * Whether an object may inherit the property and assign its own. With `constructor` these are plain
 * objects and errors, because Node.js prints a class name only if `constructor` is a plain value.
 */
function isAssignable(object: object, key: PropertyKey): boolean {
  if (key !== 'constructor') return true
  return (
    object === Object.prototype ||
    object === Error.prototype ||
    getPrototypeOf(object) === Error.prototype
  )
}

/** An object that inherits a property that is not writable could not have its own by assignment. */
function overridable(
  owner: object,
  key: PropertyKey,
  { value, enumerable }: Required<PropertyDescriptor>,
): PropertyDescriptor {
  return {
    configurable: false,
    enumerable,
    get: () => value,
    set: function set(this: object, own: unknown) {
      if (this === owner) {
        const error = new TypeError(
          `${String(key)} is read-only: JavaScript's own objects are frozen`,
        )
        // Its place is the line that assigns.
        captureStackTrace(error, set)
        throw error
      }
      defineProperty(this, key, {
        value: own,
        writable: true,
        enumerable: true,
        configurable: true,
      })
    },
  }
}

function fix(object: object, key: PropertyKey): void {
  const found = getOwnPropertyDescriptor(object, key)
  if (found === undefined) return
  defineProperty(object, key, { configurable: false, ...('value' in found && { writable: false }) })
}
