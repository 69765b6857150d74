/**
 * 'vnet/kit/control', for the packages of this repository, of the same version: a running vnet from
 * inside and outside: its directories, family, server and replies.
 */
export { addressesOf, netnsOf } from '../control/client/addresses.ts'
export { SERVED_TIMEOUT_MS } from '../control/client/client.ts'
export { directoriesOf, otherUserLine, withPlaces } from '../control/client/find.ts'
export { type LocalVnet, localVnet } from '../control/operations/local.ts'
export type { LabPart } from '../control/operations/subject.ts'
export { attached, encodeFilter, type WireAttachment } from '../control/protocol/attachment.ts'
export {
  VNET_GENL_ID,
  VNET_GENL_NAME,
  VNET_GENL_VERSION,
  VNET_IOCTL_DATA_MAX,
  VNET_MCGRP_EVENTS,
  vnetAttributes,
} from '../control/protocol/family.generated.ts'
export { commands } from '../control/protocol/family.ts'
export { labPlace } from '../control/protocol/lab-place.ts'
export {
  QUEUE_COUNTERS,
  type QueueCounterField,
  queueCounterFields,
} from '../control/protocol/queue-counters.ts'
export type {
  CounterEntry,
  HostEntry,
  LeaseEntry,
  NeighbourEntry,
  SegmentEntry,
  StationEntry,
} from '../control/protocol/segment-entry.ts'
export { clientResources, type WireChange, wireChange } from '../control/protocol/wire-request.ts'
export { Presence } from '../control/server/presence.ts'
export { type Server, serveAt } from '../control/server/server.ts'
export { type As, Connection } from '../control/sockets/connection.ts'
export {
  ownNamespace,
  readDirectories,
  removeQuietly,
  watchDirectories,
} from '../control/sockets/directory.ts'
export {
  makeRunDirectory,
  namedDirectory,
  otherUsers,
  outerUid,
  privateCandidates,
  RUN_DIRECTORY,
  type RunDirectory,
} from '../control/sockets/run-directory.ts'
