/**
 * 'vnet': everything to write a driver with. It loads no native code, so that a driver runs in
 * memory ('vnet/bed') as well as on Linux. The drivers of vnet are in 'vnet/drivers', its
 * simulated network in '@vnet/lan'; a program that runs drivers itself needs 'vnet/net'.
 */
import './base/dispose.ts'

export { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from './base/clock.ts'
export * from './base/errno.ts'
export { FileError, UsageError } from './base/usage-error.ts'
export * from './netdev/driver.ts'
export * from './netdev/eth.ts'
export * from './netdev/gso.ts'
export * from './netdev/if.ts'
export { IRQ_HANDLED, IRQ_NONE, Irq } from './netdev/irq.ts'
export { NAPI_POLL_WEIGHT, Napi } from './netdev/napi.ts'
export { NetDevice } from './netdev/net-device.ts'
export * from './netdev/netif.ts'
export type { Errno, HeaderOps, Ifmap, NetDeviceOps, UserData } from './netdev/ops.ts'
export type { LinkKsettings } from './netdev/port.ts'
export * from './netdev/stats.ts'
export type { TxQueue } from './netdev/tx-queue.ts'
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
export * as tcp from './packet/tcp.ts'
export * as udp from './packet/udp.ts'
export * as vlan from './packet/vlan.ts'
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
