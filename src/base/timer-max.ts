/** The longest delay of a timer of Node in milliseconds: after a longer one, it fires directly. */
export const TIMER_MAX_MS = 0x7fff_ffff

/** Returns a delay that a timer of Node takes: `ms`, or 24.8 days if that is longer. */
export function timerMs(ms: number): number {
  return Math.min(ms, TIMER_MAX_MS)
}
