/**
 * '@vnet/web/kit', for the packages of this repository, of the same version: the messages of the
 * live page, and its views in another page.
 */
export type {
  CommandRequest,
  CommandResult,
  DeviceId,
  FeedMessage,
  FlightRow,
  FrameRow,
  PageCommand,
} from './feed-types.ts'
export type { Picture, PictureOptions, PictureView } from './picture-types.ts'
export {
  deviceId,
  flightRow,
  frameRow,
  presets,
  rowCounters,
  stepInfo,
  vnetRows,
} from './rows.ts'
