/** The hooks that the framework calls while `--debug` is on (debug.ts), and the findings. */
import type { SkBuffPool, SkBuffPoolOptions } from '../../skb/pool.ts'
import type { PortQueue } from '../port.ts'

/** One mistake at one place. */
export interface Finding {
  readonly rule: string
  /** The mistake, its place, and the text of the rule. */
  readonly message: string
  /** The driver's line, such as `/my-driver.js:12`; undefined if unknown. */
  readonly place: string | undefined
  count: number
}

// biome-ignore lint/suspicious/noExplicitAny: a driver knows what data its device has.
type Handler = (dev: any) => number

/** Devices, interrupts and polls are named as objects, so that this file is in no circle. */
export interface DebugHooks {
  readonly findings: readonly Finding[]
  readonly chaos:
    | {
        /** Returns the queue of a device in the form that the device is to use. */
        queue(queue: PortQueue, dev: object): PortQueue
        requested(irq: object): void
      }
    | undefined
  makePool(options: SkBuffPoolOptions): SkBuffPool
  /** An operation of a driver threw. The caller logs it. */
  threw(op: string, error: unknown): void
  watch(dev: object): void
  release(dev: object): void
  requested(irq: object, handler: Handler): Handler
  /** Returns the driver's function for one that checks it and is called instead. */
  codeOf(fn: unknown): unknown
  freed(irq: object): void
  enabled(napi: object): void
  disabled(napi: object): void
  end(): void
}
