/**
 * The features of a device that can be used together, as register_netdevice and netdev_fix_features
 * decide it (net/core/dev.c).
 */
import {
  NETIF_F_CSUM_MASK,
  NETIF_F_GSO,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_IP_CSUM,
  NETIF_F_IPV6_CSUM,
  NETIF_F_NO_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO_ECN,
  NETIF_F_TSO6,
} from './if.ts'

const ALL_TSO = NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN
const PROTOCOL_CSUM = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM

/** Returns the features that can be used together; calls `notice` with each dropped, and why. */
export function netdevFixFeatures(features: number, notice: (text: string) => void): number {
  let fixed = features
  function drop(mask: number, text: string): void {
    notice(text)
    fixed &= ~mask
  }
  const has = (mask: number): boolean => (fixed & mask) !== 0

  if (has(NETIF_F_HW_CSUM) && has(PROTOCOL_CSUM)) drop(PROTOCOL_CSUM, 'mixed HW and IP checksum settings.')
  if (has(NETIF_F_NO_CSUM) && has(PROTOCOL_CSUM | NETIF_F_HW_CSUM)) {
    drop(PROTOCOL_CSUM | NETIF_F_HW_CSUM, 'mixed no checksumming and other settings.')
  }
  if (has(NETIF_F_SG) && !has(NETIF_F_CSUM_MASK)) drop(NETIF_F_SG, 'Dropping NETIF_F_SG since no checksum feature.')
  if (has(ALL_TSO) && !has(NETIF_F_SG)) drop(ALL_TSO, 'Dropping TSO features since no SG feature.')
  if ((fixed & ALL_TSO) === NETIF_F_TSO_ECN) {
    drop(NETIF_F_TSO_ECN, 'Dropping NETIF_F_TSO_ECN since no TSO feature.')
  }
  if (has(NETIF_F_GSO_UDP_L4) && !has(NETIF_F_CSUM_MASK)) {
    drop(NETIF_F_GSO_UDP_L4, 'Dropping NETIF_F_GSO_UDP_L4 since no checksum feature.')
  }
  if (has(NETIF_F_GSO_UDP_L4) && !has(NETIF_F_SG)) {
    drop(NETIF_F_GSO_UDP_L4, 'Dropping NETIF_F_GSO_UDP_L4 since no SG feature.')
  }
  return has(NETIF_F_SG) ? fixed | NETIF_F_GSO : fixed
}
