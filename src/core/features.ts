/** netdev_fix_features: drops features that cannot work without others (net/core/dev.c). */
import { NETIF_F_GSO_UDP_L4, NETIF_F_HW_CSUM, NETIF_F_SG, NETIF_F_TSO, NETIF_F_TSO_ECN, NETIF_F_TSO6 } from './if.ts'

const ALL_TSO = NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN

/** Answers the features that can stand together; `notice` is told of each that was dropped, and why. */
export function netdevFixFeatures(features: number, notice: (text: string) => void): number {
  let fixed = features
  if ((fixed & NETIF_F_SG) !== 0 && (fixed & NETIF_F_HW_CSUM) === 0) {
    notice('Dropping NETIF_F_SG since no checksum feature.')
    fixed &= ~NETIF_F_SG
  }
  if ((fixed & ALL_TSO) !== 0 && (fixed & NETIF_F_SG) === 0) {
    notice('Dropping TSO features since no SG feature.')
    fixed &= ~ALL_TSO
  }
  if ((fixed & ALL_TSO) === NETIF_F_TSO_ECN) {
    notice('Dropping NETIF_F_TSO_ECN since no TSO feature.')
    fixed &= ~NETIF_F_TSO_ECN
  }
  if ((fixed & NETIF_F_GSO_UDP_L4) !== 0 && (fixed & NETIF_F_HW_CSUM) === 0) {
    notice('Dropping NETIF_F_GSO_UDP_L4 since no checksum feature.')
    fixed &= ~NETIF_F_GSO_UDP_L4
  }
  return fixed
}
