/**
 * 'vnet': everything a driver is written with. No native code is loaded: a driver runs on a host in memory
 * ('vnet/testing') as on Linux ('vnet/tap').
 */
export * from './core/alloc.ts'
export type { Alarm, Clock } from './core/clock.ts'
export * from './core/driver.ts'
export { errnoName, VnetError } from './core/errno.ts'
export * from './core/gso.ts'
export * from './core/if.ts'
export * from './core/log.ts'
export { Net, type NetdeviceNotifier, type NetOptions } from './core/net.ts'
export { NetDevice } from './core/net-device.ts'
export * from './core/netif.ts'
export type { HeaderOps, Ifmap, NetDeviceOps } from './core/ops.ts'
export type { Host, LinkChange, LinkRequest, LinkState, Port, PortQueue, PortSpec } from './core/port.ts'
export { type Random, random } from './core/random.ts'
export { devClose, devOpen, type RegisterOptions, registerNetdev, unregisterNetdev } from './core/register.ts'
export { type LinkStats64, type LinkStats64Field, linkStats64, linkStats64Fields } from './core/stats.ts'
export type { TxQueue } from './core/tx-queue.ts'
export { driver as cable } from './drivers/cable.ts'
export { flipNetwork } from './drivers/hidden-loopback.ts'
export { driver as loop } from './drivers/loop.ts'
export { driver as snull } from './drivers/snull.ts'
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
