/**
 * Time as the framework and drivers see it: nanoseconds of a monotonic clock, like the kernel's
 * ktime_t, and alarms. Options take milliseconds (duration.ts). A clock is passed in, never taken
 * from globals, so that a run can be replayed: real time is linux/clock.ts, time that a test moves
 * is bed/fake-clock.ts.
 */

export interface Clock {
  /** Nanoseconds since some fixed moment. Never decreases. */
  now(): number
  /** Nanoseconds that alarms may be late, so that several ring in one wake-up; absent: 0. */
  readonly slack?: number
  /** Returns an alarm that calls `fn`. Make it once and arm it often: arming allocates nothing. */
  alarm(fn: () => void): Alarm
}

export interface Alarm {
  /** Arms it for the moment `ns` of `Clock.now()`, or moves it there. It rings once. */
  at(ns: number): void
  /** Disarms the alarm. Harmless if it is not armed. */
  cancel(): void
}

export const NSEC_PER_MSEC = 1_000_000
export const NSEC_PER_SEC = 1_000_000_000
