import { callerOf, type Fn } from '../base/exception.ts'

/*
 * OWNER_*: the owner, which must hand an skb on or free it. The numbers below OWNER_HOLDER are of
 * frames that were handed on, so that one comparison refuses them.
 */

/** The slot is back in the pool. */
export const OWNER_FREE = 0
/** Waits on a receive queue for the kernel to take it. */
export const OWNER_RX = 1
/** Waits in a wire. */
export const OWNER_WIRE = 2
/**
 * A card reads or writes it: its driver has mapped it for DMA, and unmaps it before any other use.
 */
export const OWNER_DMA = 3
/** The code that allocated or copied it. From here on, verbs are allowed. */
export const OWNER_HOLDER = 4
/** A ring, or the code that took it out of one. */
export const OWNER_RING = 5
/** A driver with a pending ndoStartXmit, which has not handed the frame on yet. */
export const OWNER_XMIT = 6
/** A port, or the code between netifRx and the port: no driver runs meanwhile. */
export const OWNER_PORT = 7
/** A stage of a wire, or a simulated segment: no driver runs meanwhile. */
export const OWNER_STAGE = 8

/** The error of `fn`, `verb` in the kernel, on a handed-on frame. Names the caller of `fn`. */
export function handedOn(owner: number, fn: (...args: never[]) => unknown, verb: string): SkbError {
  if (owner === OWNER_RX) {
    return skbPanic(`${verb} on a frame that the kernel was given already`, fn, TAKEN)
  }
  if (owner === OWNER_WIRE) {
    return skbPanic(`${verb} on a frame that a wire was given already`, fn, TAKEN)
  }
  if (owner === OWNER_DMA) {
    return skbPanic(`${verb} on a frame that is mapped for DMA`, fn, 'dma_unmap_single comes first')
  }
  return skbPanic(`${verb} on a freed frame`, fn, 'its slot was already given back to the pool')
}

const TAKEN = 'a frame that was handed on belongs to its receiver'

/**
 * Thrown when a driver uses frame memory wrongly; the message names the line that did it. All code
 * here runs only in that case: a correct call costs one comparison.
 */
export class SkbError extends Error {
  override readonly name = 'SkbError'
  /** The caller, as in the message: `by startXmit (/my-driver.js:12:7)`; undefined if unknown. */
  readonly caller: string | undefined

  constructor(message: string, caller?: string) {
    super(message)
    this.caller = caller
  }
}

/** An SkbError that names the caller of `fn` between `text` and `why`; its stack starts there. */
export function skbPanic(text: string, fn: Fn, why?: string): SkbError {
  const caller = callerOf(fn)
  const what = caller === undefined ? text : `${text}, ${caller}`
  const error = new SkbError(why === undefined ? what : `${what}: ${why}`, caller)
  Error.captureStackTrace(error, fn)
  return error
}

/** The error of a method that would move past the end of a slot or frame, or got a wrong number. */
export function overPanic(
  fn: Fn,
  verb: string,
  n: number,
  room: number,
  name = 'skb_over_panic',
): SkbError {
  return skbPanic(`${name}: ${verb} of ${n} bytes where ${room} are left`, fn)
}

/** Like overPanic, at the start of the slot. */
export function underPanic(fn: Fn, verb: string, n: number, room: number): SkbError {
  return overPanic(fn, verb, n, room, 'skb_under_panic')
}
