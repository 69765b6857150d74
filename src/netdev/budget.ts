/** How many frames a reader of a port takes before others have their turn. */

/** Frames that one native call reads at most. */
export const BATCH = 16
/** Frames that one poll handles before other descriptors and timers have their turn. */
export const BUDGET = 64
/** A queue that returned so many is read again: a batch of large frames may end early. */
export const BUSY = 4
