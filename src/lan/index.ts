/** 'vnet/lan': a network of one's own behind Ethernet ports, for a driver file: `export const driver = lan({ hosts: [host({ ... })] })`. */
export type { Icmpv6Datagram, UdpDatagram } from '../segment/datagram.ts'
export type {
  Icmpv6Handler,
  Icmpv6Message,
  SegmentHost,
  SmallService,
  UdpHandler,
  UdpMessage,
} from '../segment/host.ts'
export type { Lan, Start } from './backbone.ts'
export { type LanOptions, lan } from './driver.ts'
export { host, type LanHandlers, type LanHost, type TcpHandler } from './host.ts'
