/**
 * OWNER_*: what must hand an skb on or free it. The numbers below OWNER_HOLDER are of frames that
 * were handed on, so that one comparison refuses them.
 */
import { type SkbError, skbPanic } from './error.ts'

/** The slot is back in the pool. */
export const OWNER_FREE = 0
/** Waits on a receive queue for the kernel to take it. */
export const OWNER_RX = 1
/** Waits in a wire. */
export const OWNER_WIRE = 2
/** The code that allocated or copied it. From here on, verbs are allowed. */
export const OWNER_HOLDER = 3
/** A ring, or the code that took it out of one. */
export const OWNER_RING = 4
/** A driver whose ndoStartXmit has not handed it on yet. */
export const OWNER_XMIT = 5
/** A port, or what brings it there after netifRx: no driver runs meanwhile. */
export const OWNER_PORT = 6
/** A stage of a wire, or a simulated segment: no driver runs meanwhile. */
export const OWNER_STAGE = 7

/**
 * Returns the error for `fn`, `verb` in the kernel, on a frame that was handed on: `owner` is below
 * OWNER_HOLDER. Names the line that called `fn`.
 */
export function handedOn(owner: number, fn: (...args: never[]) => unknown, verb: string): SkbError {
  if (owner === OWNER_RX) return skbPanic(`${verb} on a frame that the kernel was given already`, fn, TAKEN)
  if (owner === OWNER_WIRE) return skbPanic(`${verb} on a frame that a wire was given already`, fn, TAKEN)
  return skbPanic(`${verb} on a freed frame`, fn, 'its slot was already given back to the pool')
}

const TAKEN = 'a frame that was handed on belongs to its receiver'
