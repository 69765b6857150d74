/**
 * The step gate (step-gate.ts), as Net and the code that moves its frames see it. `Dev` is
 * NetDevice; its module imports this one.
 */
import type { SkBuff } from '../skb/sk-buff.ts'

/** The caller of netifRx: a driver, the end of a wire, or a client that injects a frame. */
export type FrameOrigin = 'driver' | 'wire' | 'client'

/** A step that `next()` can run. */
export interface Halt<Dev> {
  /** Its number, as in step-gate.ts. */
  readonly step: 1 | 2 | 3 | 4 | 5
  readonly dev: Dev
  readonly queue: number
  /** The next function to run: an operation, or the driver's function. */
  readonly next: string
  /** The frame, to be read immediately; undefined if it is still in the kernel, or unknown. */
  readonly skb: SkBuff | undefined
  /** The driver's function that runs next, if any. */
  readonly code: unknown
  /** The driver's line that called netifRx, as `/my-driver.js:12`, if it did. */
  readonly caller: string | undefined
}

/** Code that a clock runs: the alarm of a driver, or ndoTxTimeout. */
export interface TimedCall<Dev> {
  /** The name of the function, or what it is if it has none. */
  readonly next: string
  readonly code: unknown
  readonly run: () => void
  /** The device that armed the alarm; undefined if it was armed outside of a step. */
  dev: Dev | undefined
  readonly queue?: number
}

/** A transmit queue. */
interface GatedQueue {
  /** The first frame that was read and waits for the driver. */
  readonly waiting: SkBuff | undefined
}

/**
 * The step gate of a Net. While it is set, frames wait before each step of their path, and calls
 * that are due wait with them. It owns the frames that it has taken over by `received`; `off` lets
 * everything continue.
 */
export interface Gate<Dev> {
  /** The time in ns after which a step runs by itself; 0 is never. */
  every: number
  /** The step that runs next; undefined if nothing waits. */
  readonly halt: Halt<Dev> | undefined
  /** Runs the next step. Returns false if nothing waits. */
  next(): boolean
  /** Turns stepping off: everything that waits continues, in order. Idempotent. */
  off(): void
  /** Takes over a frame from netifRx. */
  received(skb: SkBuff, from: FrameOrigin): void
  /** Makes a transmit queue wait: the kernel has frames for it, and its port is paused. */
  waits(txq: GatedQueue): void
  /** Returns true if a transmit queue waits, and must neither hand over frames nor read. */
  holds(txq: GatedQueue): boolean
  /** The number of steps that ran. */
  readonly steps: number
  /** When the last step ran, in ns. */
  readonly ranAt: number
  /** Takes over a call that is due. */
  due(call: TimedCall<Dev>): void
  /** Forgets a call that waits, because its alarm was armed again or cancelled. */
  rearmed(call: TimedCall<Dev>): void
  /** Reports the waiting frame, once the running code has returned. */
  changed(): void
  /** Drops and counts the waiting frames of a device that is brought down. */
  purge(dev: Dev): void
}
