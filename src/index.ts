/**
 * 'vnet': everything a driver is written with. No native code is loaded: a driver runs on a host in memory
 * ('vnet/testing') as on Linux ('vnet/tap').
 */
export * from './core/alloc.ts'
export { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from './core/clock.ts'
export { devIoctl } from './core/dev-ioctl.ts'
export * from './core/driver.ts'
export * from './core/errno.ts'
export * from './core/eth.ts'
export * from './core/gso.ts'
export * from './core/if.ts'
export { IRQ_HANDLED, IRQ_NONE, Irq } from './core/irq.ts'
export * from './core/log.ts'
export { NAPI_POLL_WEIGHT, Napi } from './core/napi.ts'
export { Net, type NetdeviceNotifier, type NetOptions } from './core/net.ts'
export { NetDevice } from './core/net-device.ts'
export * from './core/netif.ts'
export type { Errno, HeaderOps, Ifmap, NetDeviceOps } from './core/ops.ts'
export type {
  Host,
  LinkChange,
  LinkKsettings,
  LinkRequest,
  LinkState,
  Port,
  PortQueue,
  PortSpec,
} from './core/port.ts'
export { type Random, random } from './core/random.ts'
export { devClose, devOpen, type RegisterOptions, registerNetdev, unregisterNetdev } from './core/register.ts'
export type {
  CounterEntry,
  HostEntry,
  LeaseEntry,
  NeighbourEntry,
  SegmentEntry,
  SegmentEntryKind,
  StationEntry,
} from './core/segment-entry.ts'
export * from './core/sockios.ts'
export * from './core/stats.ts'
export type { TxQueue } from './core/tx-queue.ts'
export { noMemory, type UserData, type UserMemory } from './core/user-data.ts'
export { driver as cable } from './drivers/cable.ts'
export { flipNetwork } from './drivers/hidden-loopback.ts'
export { driver as loop } from './drivers/loop.ts'
export { filtered, RxFilter } from './drivers/rx-filter.ts'
export { driver as snull } from './drivers/snull.ts'
export * as arp from './header/arp.ts'
export * as checksum from './header/checksum.ts'
export * as ethernet from './header/ethernet.ts'
export {
  ETH_P_802_2,
  ETH_P_802_3,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
} from './header/ethernet.ts'
export * as icmp from './header/icmp.ts'
export * as icmpv6 from './header/icmpv6.ts'
export * as ipv4 from './header/ipv4.ts'
export * as ipv6 from './header/ipv6.ts'
export { print } from './header/print.ts'
export * as tcp from './header/tcp.ts'
export * as udp from './header/udp.ts'
export * as vlan from './header/vlan.ts'
export type { Icmpv6Datagram, UdpDatagram } from './segment/datagram.ts'
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
} from './segment/host.ts'
export { Hosts, type HostsCounters, type HostsEnvironment, type HostsOptions } from './segment/hosts.ts'
export { createNetwork, type Network, type NetworkOptions } from './segment/network.ts'
export { Segment, type SegmentOptions, type SegmentStats } from './segment/segment.ts'
export type { Services } from './segment/services.ts'
export { type Inhabitant, isInhabitant, type Station } from './segment/station.ts'
export { allocSkb, devAllocSkb } from './skb/alloc-skb.ts'
export * from './skb/drop-reason.ts'
export { SkbError } from './skb/error.ts'
export { SkBuffPool, type SkBuffPoolOptions } from './skb/pool.ts'
export { Ring } from './skb/ring.ts'
export {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  type SkBuff,
} from './skb/sk-buff.ts'
export { direct } from './wire/direct.ts'
export type { Impairment, Wire, WireStats } from './wire/wire.ts'
