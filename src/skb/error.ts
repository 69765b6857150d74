/** SkbError: a driver used frame memory wrongly. Thrown, never answered: it is a defect of the caller. */
export class SkbError extends Error {
  override readonly name = 'SkbError'
}

/** An SkbError whose stack begins where `fn` was called: in the driver, whose defect it is. */
export function skbPanic(text: string, fn: (...args: never[]) => unknown): SkbError {
  const error = new SkbError(text)
  Error.captureStackTrace(error, fn)
  return error
}
