/**
 * '@vnet/lan': the simulated network of `vnet lan`. A driver file gives its hosts their own
 * handlers (packages/lan/docs/lan-config.md), or connects segments and hosts to its own driver.
 */
import 'vnet'

export type { SegmentEntryKind } from 'vnet/control'
export type {
  CounterEntry,
  HostEntry,
  LeaseEntry,
  NeighbourEntry,
  SegmentEntry,
  StationEntry,
} from 'vnet/kit/control'
export type { Lan, Start } from './backbone.ts'
export { type LanOptions, lan } from './driver.ts'
export type {
  HostDefinition,
  HostHandlers,
  HostRange,
  Icmpv6Handler,
  Icmpv6Message,
  SegmentHost,
  SmallService,
  UdpHandler,
  UdpMessage,
} from './machines/host.ts'
export { Hosts } from './machines/hosts.ts'
export { createNetwork, type Network, type NetworkOptions } from './machines/network.ts'
export type { Icmpv6Datagram, UdpDatagram } from './machines/send.ts'
export type { HostsCounters, HostsEnvironment, HostsOptions, Services } from './machines/state.ts'
export { host, type LanHandlers, type LanHost, type TcpHandler } from './services/tcp-handlers.ts'
export * from './switch/segment.ts'
