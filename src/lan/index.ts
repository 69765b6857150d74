/** 'vnet/lan': for a driver file whose hosts have handlers of their own (docs/lan-device.md). */
import '../base/dispose.ts'

export type { Lan, Start } from './backbone.ts'
export { type LanOptions, lan } from './driver.ts'
export type {
  Icmpv6Handler,
  Icmpv6Message,
  SegmentHost,
  SmallService,
  UdpHandler,
  UdpMessage,
} from './machines/host.ts'
export type { Icmpv6Datagram, UdpDatagram } from './machines/send.ts'
export { host, type LanHandlers, type LanHost, type TcpHandler } from './services/tcp-handlers.ts'
