/** Thrown by the readers for a file that is truncated, broken or not a capture. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'
  /** Where in the file it is broken, in bytes from its beginning. */
  readonly position: number

  /** The message is one line, `FILE: what is wrong`. */
  constructor(file: string, text: string, position: number) {
    super(`${file}: ${text}`)
    this.position = position
  }
}
