/**
 * SkbError: a driver used frame memory wrongly. Thrown, never answered: it is a defect of the caller, whom the message
 * names with the line that did it. Everything here runs only then; a verb that goes well pays for its compare alone.
 */
export class SkbError extends Error {
  override readonly name = 'SkbError'
  /** Who called, as the message has it: `by startXmit (/my-driver.js:12:7)`; undefined when that cannot be told. */
  readonly caller: string | undefined

  constructor(message: string, caller?: string) {
    super(message)
    this.caller = caller
  }
}

type Fn = (...args: never[]) => unknown

/**
 * An SkbError whose message names the caller of `fn`, between `text` and `why`, and whose stack begins there: in the
 * driver, whose defect it is.
 */
export function skbPanic(text: string, fn: Fn, why?: string): SkbError {
  const caller = callerOf(fn)
  const what = caller === undefined ? text : `${text}, ${caller}`
  const error = new SkbError(why === undefined ? what : `${what}: ${why}`, caller)
  Error.captureStackTrace(error, fn)
  return error
}

/** `verb`, the kernel's name of the method `fn`, would take the frame past its end, or was given no number of octets. */
export function overPanic(fn: Fn, verb: string, n: number, room: number): SkbError {
  return skbPanic(`skb_over_panic: ${verb} of ${n} octets where ${room} are left`, fn)
}

/** The same at the start of the slot. */
export function underPanic(fn: Fn, verb: string, n: number, room: number): SkbError {
  return skbPanic(`skb_under_panic: ${verb} of ${n} octets where ${room} are left`, fn)
}

export function useAfterFree(fn: Fn, verb: string): SkbError {
  return skbPanic(`${verb} on a freed frame`, fn, 'its slot was already given back to the pool')
}

/** The function and the place in its source that called `fn`; callers without a place (natives, Node itself) are passed over. */
function callerOf(fn: Fn): string | undefined {
  const trace: { stack?: unknown } = {}
  Error.captureStackTrace(trace, fn)
  for (const line of String(trace.stack).split('\n')) {
    const frame = stackFrame(line)
    if (frame !== undefined) return frame.endsWith(')') ? `by ${frame}` : `at ${frame}`
  }
  return undefined
}

/** `startXmit (/my-driver.js:12:7)` of a stack trace's line, or the place alone; undefined where it is not in a file. */
export function stackFrame(line: string): string | undefined {
  const named = /^\s+at (?:async )?(.+?) \((.+:\d+:\d+)\)$/.exec(line)
  const place = named?.[2] ?? /^\s+at (?:async )?(.+:\d+:\d+)$/.exec(line)?.[1]
  if (place === undefined || place.startsWith('node:') || place.includes('<anonymous>')) return undefined
  const name = functionName(named?.[1])
  return name === undefined ? pathOf(place) : `${name} (${pathOf(place)})`
}

/** `Object.startXmit [as ndoStartXmit]` is startXmit; what V8 has no name for, the top level of a module too, is undefined. */
function functionName(text: string | undefined): string | undefined {
  const name = text?.replace(/ \[as [^\]]*\]$/, '').replace(/^Object\./, '')
  return name?.endsWith('<anonymous>') ? undefined : name
}

/** A module's place is a URL. */
function pathOf(place: string): string {
  if (!place.startsWith('file://')) return place
  const path = place.slice('file://'.length).replace(/[?#].*(?=:\d+:\d+$)/, '')
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
