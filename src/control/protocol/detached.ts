/** The parts of a connection that was given to another owner. */
export interface Detached {
  /** The descriptor, non-blocking; it belongs to the new owner. */
  readonly fd: number
  /** Bytes that were received and not handed on. */
  readonly input: Uint8Array
  /** Bytes that are still to be sent. */
  readonly output: Uint8Array
}
