/**
 * 'vnet/control': the control plane: how running vnets are found, asked and changed by programs, and the server that answers.
 * Loading it loads no native code; `ControlClient.open` does.
 */
export type { SegmentEntryKind } from '../core/segment-entry.ts'
export { SIOCDEVPRIVATE, SIOCGIFMAP, SIOCSIFMAP } from '../core/sockios.ts'
export { ControlClient, type ControlClientOptions } from './client.ts'
export type { DeviceEvent, DeviceEventName, SubscribeOptions, Subscription } from './device-event.ts'
export type { Device, DeviceInfo, DeviceStats } from './device-stats.ts'
export type { Entry, EntryInterface } from './directory.ts'
export type { DriverParam } from './driver-param.ts'
export { type FindOptions, type Found, type FoundDevice, findVnets } from './find.ts'
export type { IoctlAnswer, IoctlRequest } from './ioctl-request.ts'
export { type QueueEvents, queueEvents, sumOfEvents } from './queue-events.ts'
export type { HostInfo, LeaseInfo, NeighbourInfo, SegmentInfo, StationInfo } from './segment-info.ts'
export { type ServerOptions, serveControl } from './server.ts'
