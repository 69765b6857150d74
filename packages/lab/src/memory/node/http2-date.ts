/**
 * The `date` header of HTTP/2 responses in the time of the lab. Node makes it from the real clock.
 * The class of a server's streams is not exported, so it is taken from the first stream.
 */
import type { EventEmitter } from 'node:events'

type RespondOptions = Readonly<{ sendDate?: boolean | null }>

/** The methods of a stream that send response headers, and which argument the headers are. */
const METHODS = { respond: 0, respondWithFD: 1, respondWithFile: 1 } as const

/** Prototypes of streams with methods of this module. */
const patched = new WeakSet<object>()

/** Gives the responses of an HTTP/2 server's session dates of the lab. */
export function dateResponses(session: EventEmitter): void {
  session.prependOnceListener('stream', (stream: object) => patch(Object.getPrototypeOf(stream)))
}

function patch(prototype: Record<string, unknown>): void {
  if (patched.has(prototype)) return
  patched.add(prototype)
  for (const [name, at] of Object.entries(METHODS)) {
    const nodes = prototype[name]
    // Streams of clients have none of them.
    if (typeof nodes !== 'function') continue
    const value = function (this: object, ...args: unknown[]): void {
      const { sendDate } = (args[at + 1] ?? {}) as RespondOptions
      if (sendDate ?? true) {
        args[at] = withDate(args[at])
      }
      Reflect.apply(nodes, this, args)
    }
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
}

/** Returns headers, an object or a list of names and values, with a date if they have none. */
function withDate(headers: unknown = {}): unknown {
  const date = new Date().toUTCString()
  if (Array.isArray(headers)) {
    const hasDate = headers.some((name, i) => i % 2 === 0 && String(name).toLowerCase() === 'date')
    return hasDate ? headers : [...headers, 'date', date]
  }
  return typeof headers === 'object' && headers !== null
    ? { ...headers, date: dateOf(headers) ?? date }
    : headers
}

const dateOf = (headers: object): unknown => (headers as { date?: unknown }).date
