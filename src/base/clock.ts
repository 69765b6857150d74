/**
 * Time as the framework and drivers see it: nanoseconds of a monotonic clock, like the kernel's
 * ktime_t, and alarms. Options take milliseconds (duration.ts). A clock is passed in, never taken
 * from globals, so that a run can be replayed: real time is linux/clock.ts, time that a test moves
 * is bed/fake-clock.ts.
 */

/**
 * A source of time, which the program chooses: a TimerfdClock on Linux, a FakeClock in tests. It
 * makes alarms for its callers, and each caller cancels its alarms at its own end. A driver uses
 * `net.clock`, on which an alarm may throw: the error is logged.
 */
export interface Clock {
  /** Nanoseconds since some fixed moment. Never decreases. */
  now(): number
  /** Nanoseconds that alarms may be late, so that several ring in one wake-up; absent: 0. */
  readonly slack?: number
  /** Returns an alarm that calls `fn`. Make it once and arm it often: arming allocates nothing. */
  alarm(fn: () => void): Alarm
}

/**
 * A timer of a Clock. It is disarmed until `at`, rings once for each `at`, and may be armed again,
 * also while it rings. It belongs to the caller of `alarm`.
 */
export interface Alarm {
  /** Arms it for the moment `ns` of `Clock.now()`, or moves it there. It rings once. */
  at(ns: number): void
  /** Disarms the alarm. Harmless if it is not armed. */
  cancel(): void
}

export const NSEC_PER_MSEC = 1_000_000
export const NSEC_PER_SEC = 1_000_000_000
