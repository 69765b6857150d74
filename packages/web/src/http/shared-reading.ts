/**
 * Returns a function that returns the result of a reading that starts after the call. All waiting
 * callers share it: there is one reading at a time, and at least `interval` milliseconds pass from
 * the start of one to the start of the next. If `read` rejects, all callers of that reading get the
 * error, and the next reading runs as usual.
 */
export function sharedReading<T>(read: () => Promise<T>, interval: number): () => Promise<T> {
  let started = Number.NEGATIVE_INFINITY
  /** The current or last reading. */
  let running: Promise<unknown> = Promise.resolve()
  /** The reading that has not started yet. */
  let next: Promise<T> | undefined
  const later = async () => {
    await running
    const wait = started + interval - performance.now()
    if (wait > 0) {
      await new Promise(resolve => setTimeout(resolve, wait).unref())
    }
    next = undefined
    started = performance.now()
    const reading = read()
    running = reading.catch(() => {})
    return reading
  }
  return () => {
    next ??= later()
    return next
  }
}
