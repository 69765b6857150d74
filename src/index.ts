/**
 * 'vnet': everything to write a driver with. It loads no native code, so that a driver runs in
 * memory ('vnet/testing') as well as on Linux ('vnet/tap').
 */
import './base/dispose.ts'

export { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from './base/clock.ts'
export * from './base/errno.ts'
export { LOGLEVEL_DEBUG, LOGLEVEL_ERR, LOGLEVEL_INFO, LOGLEVEL_WARNING, Log } from './base/log.ts'
export { type Random, random } from './base/random.ts'
export { FileError, UsageError } from './base/usage-error.ts'
export { driver as cable } from './drivers/cable.ts'
export { flipNetwork } from './drivers/flip/hidden-loopback.ts'
export { driver as loop } from './drivers/loop.ts'
export { filtered, RxFilter } from './drivers/rx-filter.ts'
export { SNULL_RX_INTR, SNULL_TX_INTR, SnullHw } from './drivers/snull/board.ts'
export { driver as snull } from './drivers/snull/driver.ts'
export { faultParams as snullFaultParams } from './drivers/snull/faults.ts'
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
} from './lan/machines/host.ts'
export { Hosts } from './lan/machines/hosts.ts'
export { createNetwork, type Network, type NetworkOptions } from './lan/machines/network.ts'
export type { Icmpv6Datagram, UdpDatagram } from './lan/machines/send.ts'
export type { HostsCounters, HostsEnvironment, HostsOptions, Services } from './lan/machines/state.ts'
export { Segment, type SegmentOptions, type SegmentStats } from './lan/switch/segment.ts'
export type {
  CounterEntry,
  HostEntry,
  LeaseEntry,
  NeighbourEntry,
  SegmentEntry,
  SegmentEntryKind,
  StationEntry,
} from './lan/switch/segment-entry.ts'
export { type Inhabitant, isInhabitant, type Station } from './lan/switch/station.ts'
export * from './netdev/alloc.ts'
export type { DebugOptions } from './netdev/debug/debug.ts'
export type { Finding } from './netdev/debug/hooks.ts'
export { devIoctl, noMemory, type UserMemory } from './netdev/dev-ioctl.ts'
export * from './netdev/driver.ts'
export { type InterfaceArg, interfaceArg, interfaceArgs } from './netdev/driver.ts'
export * from './netdev/eth.ts'
export * from './netdev/gso.ts'
export * from './netdev/if.ts'
export { IRQ_HANDLED, IRQ_NONE, Irq } from './netdev/irq.ts'
export { NAPI_POLL_WEIGHT, Napi } from './netdev/napi.ts'
export { Net, type NetdeviceNotifier, type NetOptions } from './netdev/net.ts'
export { NetDevice } from './netdev/net-device.ts'
export * from './netdev/netif.ts'
export type { Errno, HeaderOps, Ifmap, NetDeviceOps, UserData } from './netdev/ops.ts'
export type {
  LinkChange,
  LinkKsettings,
  LinkRequest,
  LinkState,
  Platform,
  Port,
  PortQueue,
  PortSpec,
} from './netdev/port.ts'
export { devClose, devOpen, type RegisterOptions, registerNetdev, unregisterNetdev } from './netdev/register.ts'
export * from './netdev/stats.ts'
export type { TxQueue } from './netdev/tx-queue.ts'
export * from './netdev/valid.ts'
export {
  formatAddress,
  formatIpv4,
  formatMac,
  formatPrefix,
  type Prefix,
  parseAddress,
  parseIpv4,
  parseMac,
  parsePrefix,
} from './packet/address.ts'
export * as arp from './packet/arp.ts'
export * as checksum from './packet/checksum.ts'
export * as ethernet from './packet/ethernet.ts'
export {
  ETH_P_802_2,
  ETH_P_802_3,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
} from './packet/ethernet.ts'
export * as icmp from './packet/icmp.ts'
export * as icmpv6 from './packet/icmpv6.ts'
export * as ipv4 from './packet/ipv4.ts'
export * as ipv6 from './packet/ipv6.ts'
export { print } from './packet/print.ts'
export * as tcp from './packet/tcp.ts'
export * as udp from './packet/udp.ts'
export * as vlan from './packet/vlan.ts'
export { allocSkb, devAllocSkb } from './skb/alloc-skb.ts'
export * from './skb/drop-reason.ts'
export * from './skb/drop-reason-name.ts'
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
export type { Impairment, Wire, WireEnv } from './wire/wire.ts'
export { direct } from './wire/wire-slot.ts'
