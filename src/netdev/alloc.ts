/** alloc_netdev_mqs, alloc_etherdev_mqs, ether_setup (net/core/dev.c, net/ethernet/eth.c). */
import { E2BIG, EINVAL, VnetError } from '../base/errno.ts'
import type { Random } from '../base/random.ts'
import { ethHeaderOps } from './eth.ts'
import {
  ARPHRD_ETHER,
  DEFAULT_TX_QUEUE_LEN,
  ETH_ALEN,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_MAX_MTU,
  ETH_MIN_MTU,
  IFF_BROADCAST,
  IFF_MULTICAST,
  MAX_TAP_QUEUES,
} from './if.ts'
import { NetDevice } from './net-device.ts'
import { devValidName } from './valid.ts'

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
    throw new VnetError(EINVAL, `interface name '${name}'`, '1 to 15 bytes, no / or : or white space, at most one %d')
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

/** ether_setup: sets what all Ethernet devices have in common. */
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
  for (let i = 0; i < ETH_ALEN; i++) dev.devAddr[i] = random.below(256)
  dev.devAddr[0] = (dev.devAddr[0] & 0xfe) | 0x02
}

function isQueueCount(n: number): boolean {
  return Number.isInteger(n) && n >= 1 && n <= MAX_TAP_QUEUES
}
