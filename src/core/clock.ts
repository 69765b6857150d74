/**
 * Time as the framework sees it: nanoseconds of a monotonic clock, and alarms. Passed in, never taken from globals, so
 * that a run can be replayed: real time (kernel/clock.ts), or a fake one that a test moves (testing/fake-clock.ts).
 */

export interface Clock {
  /** Nanoseconds since some fixed moment; never goes back. */
  now(): number
  /** An alarm that calls `fn`. Make it once and arm it often: arming allocates nothing. */
  alarm(fn: () => void): Alarm
}

export interface Alarm {
  /** Arms for the moment `ns` of `Clock.now()`; one that is armed already is moved. It rings once. */
  at(ns: number): void
  /** Disarms; harmless when not armed. */
  cancel(): void
}

export const NSEC_PER_MSEC = 1_000_000
export const NSEC_PER_SEC = 1_000_000_000
