/** SkbError: a driver used frame memory wrongly. Thrown, never answered: it is a defect of the caller. */
export class SkbError extends Error {
  override readonly name = 'SkbError'
}
