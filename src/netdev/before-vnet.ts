/** The name of frames that were lost before vnet, for its commands and reports. */

/** The name everywhere of frames that the kernel dropped because the queue to vnet was full. */
export const BEFORE_VNET = 'before vnet'

/** Returns the line about frames of a wire's direction that the wire never had. */
export const beforeVnetLine = (direction: string, frames: number): string =>
  `${direction} ${BEFORE_VNET}: ${frames} lost, because the queue in the kernel was full`
