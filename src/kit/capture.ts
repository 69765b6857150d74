/**
 * 'vnet/kit/capture', for the packages of this repository, of the same version: captures and their
 * records as a page or a terminal shows them.
 */
export { BlockWalker } from '../capture/block-walker.ts'
export { Capture, type CaptureSetup } from '../capture/capture.ts'
export {
  type CapturedFrame,
  directionOf,
  dropComment,
  FramePrinter,
} from '../capture/frame-text.ts'
export { Input } from '../capture/input.ts'
export { ENHANCED_PACKET, SECTION_HEADER } from '../capture/pcapng.ts'
