/**
 * Link headers and addresses of Ethernet devices (net/ethernet/eth.c): header_ops, and the usual
 * ndoSetMacAddress and ndoValidateAddr. Addresses are six bytes, an EtherType is in host byte
 * order.
 */

import { EADDRNOTAVAIL, EBUSY } from '../base/errno.ts'
import {
  copyAddress,
  destinationAt,
  ETH_ALEN,
  ETH_HLEN,
  ETH_P_802_2,
  ETH_P_802_3,
  isStationAddress,
  setEtherType,
  sourceAt,
} from '../packet/ethernet.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { IFF_UP } from './if.ts'
import type { NetDevice } from './net-device.ts'
import type { HeaderOps } from './ops.ts'

/**
 * eth_header: pushes an Ethernet header and returns ETH_HLEN. The source is the device's own
 * address by default. For ETH_P_802_3 and ETH_P_802_2 the type field gets the length of the frame
 * without the header. Throws skb_under_panic without headroom.
 */
function create(skb: SkBuff, dev: NetDevice, type: number, destination: Uint8Array, source = dev.devAddr): number {
  const length = skb.len
  const at = skb.push(ETH_HLEN)
  const { bytes } = skb
  setEtherType(bytes, at, type === ETH_P_802_3 || type === ETH_P_802_2 ? length : type)
  copyAddress(bytes, destinationAt(at), destination)
  copyAddress(bytes, sourceAt(at), source)
  return ETH_HLEN
}

/**
 * eth_header_parse: copies the source address of the link header at `skb.mac`, or at the start of
 * the frame if that is not set. Returns 6, or 0 without a whole header.
 */
function parse(skb: SkBuff, into: Uint8Array): number {
  const at = skb.mac === 0 ? skb.data : skb.mac
  if (at + ETH_HLEN > skb.data + skb.len) return 0
  copyAddress(into, 0, skb.bytes, sourceAt(at))
  return ETH_ALEN
}

/** eth_header_ops */
export const ethHeaderOps: HeaderOps = { create, parse }

/** dev_hard_header: pushes the device's link header. Returns its length, 0 if it has none. */
export function devHardHeader(
  skb: SkBuff,
  dev: NetDevice,
  type: number,
  destination: Uint8Array,
  source?: Uint8Array,
): number {
  return dev.headerOps?.create(skb, dev, type, destination, source) ?? 0
}

/**
 * dev_parse_header: copies the source address of a frame, as its device reads it, to `into`.
 * Returns its length, 0 if there is none.
 */
export function devParseHeader(skb: SkBuff, into: Uint8Array): number {
  const dev = skb.dev as NetDevice | undefined
  return dev?.headerOps?.parse(skb, into) ?? 0
}

/**
 * eth_mac_addr, an ndoSetMacAddress: sets the address of a device that is down. Returns 0, -EBUSY
 * if the device is up, or -EADDRNOTAVAIL for a group address or zero.
 */
export function ethMacAddr(dev: NetDevice, address: Uint8Array): number {
  if ((dev.flags & IFF_UP) !== 0) return -EBUSY
  if (address.length !== ETH_ALEN || !isStationAddress(address, 0)) return -EADDRNOTAVAIL
  dev.devAddr.set(address)
  return 0
}

/**
 * eth_validate_addr, an ndoValidateAddr: returns 0, or -EADDRNOTAVAIL if the device's address is a
 * group address or zero.
 */
export function ethValidateAddr(dev: NetDevice): number {
  return isStationAddress(dev.devAddr, 0) ? 0 : -EADDRNOTAVAIL
}
