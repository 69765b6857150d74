/**
 * A tested stack as the runner of the cases sees it: a host on an Ethernet segment. The runner is
 * its only peer, and makes each frame by hand. All times are nanoseconds.
 */
import { NSEC_PER_MSEC } from 'vnet'
import type { Stations } from './stations.ts'

/** The surroundings of one case. Its maker makes a new one for each run; runCase closes it. */
export interface World extends Stations {
  readonly tolerance: {
    /** How much too early a segment may seem to be sent, because of the timer's resolution. */
    readonly early: number
    /** How much later than its latest time a segment may be sent. */
    readonly late: number
    /** How long after a ping a reply to something before it is awaited. */
    readonly grace: number
  }
  /** Whether `inject` returns after the host has replied: `none` then needs no ping. */
  readonly isImmediate?: boolean
  /** The first of 16 ports of the peer that no other case uses. */
  readonly port: number
  now(): number
  /** Waits until a moment. */
  sleepUntil(moment: number): Promise<void>
  /** Makes the host receive a frame of the peer. */
  inject(frame: Uint8Array): void
  /**
   * Returns the next frame that the host sends, without its requests for the peer's hardware
   * address, or undefined if it sends none until a moment. The returned frame may have been sent
   * later than that.
   */
  next(until: number): Promise<Sent | undefined>
  readonly program?: Program | undefined
  /** Ends all sockets. Frames that they still send are not returned. */
  close(): void
}

/**
 * The tolerance on an interface. A case decides by order: the limits are for stacks that send
 * nothing.
 */
export const INTERFACE_TOLERANCE: World['tolerance'] = {
  ...{ early: 20 * NSEC_PER_MSEC, late: 3000 * NSEC_PER_MSEC, grace: 30 * NSEC_PER_MSEC },
}

/** A program on the host that calls its sockets. */
export interface Program {
  /** The port on which it listens. */
  readonly port: number | undefined
  /** Makes the call of a line, and checks its result. */
  call(verb: string, words: readonly string[]): Promise<void>
}

/** A frame that the host sent, and when, in nanoseconds of the world's clock. */
export interface Sent {
  readonly frame: Uint8Array
  readonly at: number
  /** Whether the host left its checksum to the hardware, which this frame has not passed. */
  readonly isPartial?: boolean
}
