/** Thrown where no lab can be made. The message says why, and what to do. */
export class LabUnavailableError extends Error {
  override readonly name = 'LabUnavailableError'
}
