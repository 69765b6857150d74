/**
 * What a TAP's offloads (TUNSETOFFLOAD, include/uapi/linux/if_tun.h) can express of a device's features. They belong to the
 * interface, not to the descriptor.
 */
import { EINVAL } from '../core/errno.ts'
import {
  NETIF_F_GRO,
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
} from '../core/if.ts'
import { checkTap } from './errno.ts'
import type { Native } from './native.ts'
import { TUN_F_CSUM, TUN_F_TSO_ECN, TUN_F_TSO4, TUN_F_TSO6, TUN_F_USO4, TUN_F_USO6, TUNSETOFFLOAD } from './uapi.ts'

/** The framework's own: nothing is asked of the host for them. */
const SOFTWARE = NETIF_F_SG | NETIF_F_GSO | NETIF_F_GRO
const ANY_CSUM = NETIF_F_HW_CSUM | NETIF_F_NO_CSUM
const PROTOCOL_CSUM = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM
const SEGMENTATION = NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4

/**
 * Sets the offloads of a TAP that was opened with a vnet header of `vnetHdrLen` octets; answers the features that the host
 * gave. Without the header none can be had. Throws a VnetError.
 */
export function setOffload(native: Native, fd: number, name: string, features: number, vnetHdrLen: number): number {
  const wanted = vnetHdrLen === 0 ? 0 : expressible(features)
  const result = native.ioctl(fd, TUNSETOFFLOAD, tunFeatures(wanted))
  if (result !== -EINVAL || (wanted & NETIF_F_GSO_UDP_L4) === 0) {
    checkTap(result, `TUNSETOFFLOAD ${name}`)
    return wanted
  }
  // Kernels before 6.2 have no USO.
  const without = wanted & ~NETIF_F_GSO_UDP_L4
  checkTap(native.ioctl(fd, TUNSETOFFLOAD, tunFeatures(without)), `TUNSETOFFLOAD ${name}`)
  return without
}

/** A TAP has one switch for all checksums, without which it does not segment. */
function expressible(features: number): number {
  const protocols = (features & PROTOCOL_CSUM) === PROTOCOL_CSUM ? PROTOCOL_CSUM : 0
  const csum = (features & ANY_CSUM) | protocols
  const segmentation = csum === 0 ? 0 : features & SEGMENTATION
  // ECN says how TSO is done.
  const ecn = (segmentation & (NETIF_F_TSO | NETIF_F_TSO6)) === 0 ? NETIF_F_TSO_ECN : 0
  return (features & SOFTWARE) | csum | (segmentation & ~ecn)
}

function tunFeatures(features: number): number {
  let mask = 0
  if ((features & (ANY_CSUM | PROTOCOL_CSUM)) !== 0) mask |= TUN_F_CSUM
  if ((features & NETIF_F_TSO) !== 0) mask |= TUN_F_TSO4
  if ((features & NETIF_F_TSO6) !== 0) mask |= TUN_F_TSO6
  if ((features & NETIF_F_TSO_ECN) !== 0) mask |= TUN_F_TSO_ECN
  // One cannot be had without the other.
  if ((features & NETIF_F_GSO_UDP_L4) !== 0) mask |= TUN_F_USO4 | TUN_F_USO6
  return mask
}
