/**
 * 'vnet/control': clients that find, query and change running vnets, and the server of a vnet.
 * Loading this module loads no native code; `ControlClient.open` does.
 */
import '../base/dispose.ts'

export type { StageReport } from '../netdev/device-wire.ts'
export { SIOCDEVPRIVATE, SIOCGIFMAP, SIOCSIFMAP } from '../netdev/if.ts'
export type { CaptureStream } from './client/capture-stream.ts'
export { ControlClient, type ControlClientOptions } from './client/client.ts'
export {
  type FindOptions,
  type Found,
  type FoundDevice,
  findVnets,
  supported,
} from './client/find.ts'
export type { QueueCounters } from './protocol/queue-counters.ts'
export type { SegmentEntryKind } from './protocol/segment-entry.ts'
export type * from './protocol/types.ts'
export { type ServerOptions, serveControl } from './server/server.ts'
export type { Entry, EntryInterface } from './sockets/directory.ts'
