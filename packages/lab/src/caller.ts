/** Errors that other threads throw, or that are thrown later, with the line of the test. */

/** The stack of a call. */
export interface CallSite {
  readonly stack: string
}

/** Returns the stack of the caller of `callee`. */
export function callSiteOf(callee: (...args: never[]) => unknown): CallSite {
  const caller = { stack: '' }
  Error.captureStackTrace(caller, callee)
  return caller
}

/** Makes the stack of an error lead to a call. Returns the error. */
export function thrownAt<E extends Error>({ stack }: CallSite, error: E): E {
  // The first line has the name of the error, the rest is where the call was made.
  error.stack = stack.replace(/^.*/, () => String(error))
  return error
}
