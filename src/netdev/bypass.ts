/** Frames that passed an attached interface without its wire, for commands and reports. */

/** The name everywhere of frames that passed while vnet hung, was down, or was not attached yet. */
export const BYPASSED = 'passed without the wire'

/** Returns the line about frames of a wire's direction that no stage has had. */
export const bypassedLine = (direction: string, frames: number): string =>
  `${direction} ${BYPASSED}: ${frames}`
