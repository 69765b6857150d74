import { callerOf, type Fn } from '../base/stack.ts'

/**
 * Thrown when a driver uses frame memory wrongly, which is a defect of the driver: the message
 * names the line that did it. All code here runs only in that case; a correct call costs one
 * comparison.
 */
export class SkbError extends Error {
  override readonly name = 'SkbError'
  /** The caller, as in the message: `by startXmit (/my-driver.js:12:7)`; undefined if unknown. */
  readonly caller: string | undefined

  constructor(message: string, caller?: string) {
    super(message)
    this.caller = caller
  }
}

/**
 * An SkbError whose message names the caller of `fn`, between `text` and `why`. Its stack begins at
 * that caller, in the driver.
 */
export function skbPanic(text: string, fn: Fn, why?: string): SkbError {
  const caller = callerOf(fn)
  const what = caller === undefined ? text : `${text}, ${caller}`
  const error = new SkbError(why === undefined ? what : `${what}: ${why}`, caller)
  Error.captureStackTrace(error, fn)
  return error
}

/**
 * Reports that the method `fn`, `verb` in the kernel, would move past the end of the slot or frame,
 * or got an invalid number of bytes.
 */
export function overPanic(fn: Fn, verb: string, n: number, room: number): SkbError {
  return skbPanic(`skb_over_panic: ${verb} of ${n} bytes where ${room} are left`, fn)
}

/** Like overPanic, at the start of the slot. */
export function underPanic(fn: Fn, verb: string, n: number, room: number): SkbError {
  return skbPanic(`skb_under_panic: ${verb} of ${n} bytes where ${room} are left`, fn)
}
