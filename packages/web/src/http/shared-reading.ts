/**
 * Returns a function that returns a reading which starts after the call. Callers share it: one runs
 * at a time, and starts are at least `interval` milliseconds apart.
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
    if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait).unref())
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
