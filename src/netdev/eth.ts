/**
 * Ethernet devices (net/ethernet/eth.c): how they are allocated, their link headers (header_ops),
 * and the usual ndoSetMacAddress and ndoValidateAddr. Addresses are six bytes, an EtherType is in
 * host byte order.
 */
import { E2BIG, EADDRNOTAVAIL, EBUSY, EINVAL, type Random, VnetError } from '../base/index.ts'
import * as ethernet from '../packet/ethernet.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import {
  ARPHRD_ETHER,
  DEFAULT_TX_QUEUE_LEN,
  devValidName,
  ETH_ALEN,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_MAX_MTU,
  ETH_MIN_MTU,
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_UP,
  MAX_TAP_QUEUES,
} from './if.ts'
import { NetDevice } from './net-device.ts'
import type { HeaderOps } from './ops.ts'

/**
 * The choices of a driver for a device that it allocates. `setup` is called once, before the device
 * is returned. `priv` is the driver's own: the framework changes nothing in it, and reads only the
 * rings there, for monitoring.
 */
export interface AllocNetdevOptions<Priv> {
  /** A name, or a pattern with one %d for the first free number. */
  name: string
  /** Fills in the device: its ops, flags, address. */
  setup: (dev: NetDevice<Priv>) => void
  /** Transmit and receive queues, 1 to 256, rxqs <= txqs. Default 1 each. */
  txqs?: number | undefined
  rxqs?: number | undefined
  /** The driver's own data. */
  priv: Priv
}

/**
 * alloc_netdev_mqs: returns a device with private data and any number of queues, not yet
 * registered. Throws VnetError EINVAL for a bad name, no queue, or more receive than transmit
 * queues; E2BIG for more queues than a TAP can have.
 */
export function allocNetdevMqs<Priv>(options: AllocNetdevOptions<Priv>): NetDevice<Priv> {
  const { name, setup, txqs = 1, rxqs = 1, priv } = options
  if (!devValidName(name)) {
    throw new VnetError(
      EINVAL,
      `interface name '${name}'`,
      '1 to 15 bytes, no / or : or white space, at most one %d',
    )
  }
  if (!isQueueCount(txqs) || !isQueueCount(rxqs) || rxqs > txqs) {
    const advice = `from 1 to ${MAX_TAP_QUEUES}, and no more receive than transmit queues`
    const errno = txqs > MAX_TAP_QUEUES || rxqs > MAX_TAP_QUEUES ? E2BIG : EINVAL
    throw new VnetError(errno, `${name}: ${txqs} tx and ${rxqs} rx queues`, advice)
  }
  const dev = new NetDevice(name, txqs, rxqs, priv)
  setup(dev)
  return dev
}

/** alloc_etherdev_mqs: an Ethernet device, `eth%d` by default. `setup` runs after etherSetup. */
export function allocEtherdevMqs<Priv>(
  options: Omit<AllocNetdevOptions<Priv>, 'name' | 'setup'> & Partial<AllocNetdevOptions<Priv>>,
): NetDevice<Priv> {
  return allocNetdevMqs({
    ...options,
    name: options.name ?? 'eth%d',
    setup: dev => {
      etherSetup(dev)
      options.setup?.(dev)
    },
  })
}

/** ether_setup: sets the common properties of Ethernet devices. */
export function etherSetup<Priv>(dev: NetDevice<Priv>): void {
  dev.headerOps = ethHeaderOps
  dev.type = ARPHRD_ETHER
  dev.hardHeaderLen = ETH_HLEN
  dev.addrLen = ETH_ALEN
  dev.mtu = ETH_DATA_LEN
  dev.minMtu = ETH_MIN_MTU
  dev.maxMtu = ETH_MAX_MTU
  dev.txQueueLen = DEFAULT_TX_QUEUE_LEN
  dev.flags = IFF_BROADCAST | IFF_MULTICAST
  dev.broadcast.fill(0xff)
}

/** eth_hw_addr_random: gives the device a random address, locally administered and unicast. */
export function ethHwAddrRandom<Priv>(dev: NetDevice<Priv>, random: Random): void {
  for (let i = 0; i < ETH_ALEN; i++) {
    dev.devAddr[i] = random.below(256)
  }
  dev.devAddr[0] = (dev.devAddr[0] & 0xfe) | 0x02
}

const isQueueCount = (n: number): boolean => Number.isInteger(n) && n >= 1 && n <= MAX_TAP_QUEUES

/**
 * eth_header: pushes an Ethernet header and returns ETH_HLEN. The source is the device's own
 * address by default. For ETH_P_802_3 and ETH_P_802_2 the type field gets the length of the frame
 * without the header. Throws skb_under_panic without headroom.
 */
function create(
  skb: SkBuff,
  dev: NetDevice,
  type: number,
  destination: Uint8Array,
  source = dev.devAddr,
): number {
  const length = skb.len
  const at = skb.push(ETH_HLEN)
  const { bytes } = skb
  ethernet.setEtherType(
    bytes,
    at,
    type === ethernet.ETH_P_802_3 || type === ethernet.ETH_P_802_2 ? length : type,
  )
  ethernet.copyAddress(bytes, ethernet.destinationAt(at), destination)
  ethernet.copyAddress(bytes, ethernet.sourceAt(at), source)
  return ETH_HLEN
}

/**
 * eth_header_parse: copies the source address of the link header at `skb.mac`, or at the start of
 * the frame if that is not set. Returns 6, or 0 without a whole header.
 */
function parse(skb: SkBuff, into: Uint8Array): number {
  const at = skb.mac === 0 ? skb.data : skb.mac
  if (at + ETH_HLEN > skb.data + skb.len) return 0
  ethernet.copyAddress(into, 0, skb.bytes, ethernet.sourceAt(at))
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

/** dev_parse_header: copies a frame's source address to `into`. Returns its length, or 0. */
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
  if (address.length !== ETH_ALEN || !ethernet.isStationAddress(address, 0)) return -EADDRNOTAVAIL
  dev.devAddr.set(address)
  return 0
}

/** eth_validate_addr, an ndoValidateAddr: 0, or -EADDRNOTAVAIL for a group address or zero. */
export function ethValidateAddr(dev: NetDevice): number {
  return ethernet.isStationAddress(dev.devAddr, 0) ? 0 : -EADDRNOTAVAIL
}
