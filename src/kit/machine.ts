/**
 * 'vnet/kit/machine', for the packages of this repository, of the same version: what rooms that
 * touch no system have for Node: files *.node.ts, and TAP.
 */
export {
  CONNECTIONS_MAX,
  Connections,
  isAddressOrLocalhost,
} from '../base/http-connections.node.ts'
export { CaptureFile } from '../capture/capture-file.node.ts'
export { Recording } from '../capture/recording.node.ts'
export { createVnetHdr, FrameBatches, FrameQueue, parseVnetHdr } from '../linux/tap/frame-queue.ts'
export { TapPort } from '../linux/tap/port.ts'
export { openTun } from '../linux/tap/tap.ts'
export { LinuxWireResources, OwnStages } from '../wire/wire-resources.node.ts'
