/**
 * loop: one interface with several transmit and receive queues whose far end is itself. A frame that leaves comes back with
 * the network number of both addresses flipped (hidden-loopback.ts), so a host with an address in each of the two networks
 * talks to itself over a real interface.
 *
 * A frame from transmit queue q goes through receive ring q % rxqs, and back to the host on queue q: the host steers a flow
 * to the queue where it was last received, so flows stay where they are, in order.
 */
import { allocNetdevMqs, etherSetup, ethHwAddrRandom } from '../core/alloc.ts'
import { bool, type DriverContext, defineDriver, interfaceArgs } from '../core/driver.ts'
import { IFF_NOARP, NETDEV_TX_OK, NETIF_F_ALL_TAP } from '../core/if.ts'
import type { NetDevice } from '../core/net-device.ts'
import { ethTypeTrans, netifRx, netifTxStartAllQueues, netifTxStopAllQueues } from '../core/netif.ts'
import type { NetDeviceOps } from '../core/ops.ts'
import { SKB_DROP_REASON_DEV_STOPPED, SKB_DROP_REASON_FULL_RING } from '../skb/drop-reason.ts'
import { Ring } from '../skb/ring.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { addressToHost, flipAddress, flipNetwork } from './hidden-loopback.ts'

const TX_QUEUES = 4
const RX_QUEUES = 2
/** Frames a receive ring holds. */
const RX_RING = 64

interface LoopPriv {
  rxRings: Ring[]
}

function open(dev: NetDevice<LoopPriv>): void {
  netifTxStartAllQueues(dev)
}

function stop(dev: NetDevice<LoopPriv>): void {
  netifTxStopAllQueues(dev)
  for (const ring of dev.priv.rxRings) ring.purge(SKB_DROP_REASON_DEV_STOPPED)
}

function startXmit(skb: SkBuff, dev: NetDevice<LoopPriv>): number {
  const reason = flipNetwork(skb)
  if (reason !== 0) {
    skb.drop(reason)
    return NETDEV_TX_OK
  }
  addressToHost(skb, dev.devAddr)
  const ring = dev.priv.rxRings[skb.queueMapping % dev.numRxQueues]
  if (ring.push(skb))
    processRxRing(ring, dev) // (4) handed on to the driver's own ring
  else skb.drop(SKB_DROP_REASON_FULL_RING)
  return NETDEV_TX_OK
}

/** What an interrupt would do: gives the host everything in a receive ring. */
function processRxRing(ring: Ring, dev: NetDevice<LoopPriv>): void {
  for (let skb = ring.shift(); skb !== undefined; skb = ring.shift()) {
    ethTypeTrans(skb, dev)
    netifRx(skb)
  }
}

const loopOps: NetDeviceOps<LoopPriv> = { ndoOpen: open, ndoStop: stop, ndoStartXmit: startXmit }

function setup(dev: NetDevice<LoopPriv>, { net }: DriverContext): void {
  etherSetup(dev)
  dev.netdevOps = loopOps
  dev.flags |= IFF_NOARP
  dev.features = NETIF_F_ALL_TAP
  ethHwAddrRandom(dev, net.random)
}

export const driver = defineDriver({
  name: 'loop',
  description: 'one interface with several queues that is its own far end',
  params: {
    ipv6: bool({ default: false, description: 'add 2001:db8::1/64 and 2001:db8:0:1::2/64' }),
  },
  farEnd: flipAddress,
  init(params, context) {
    const { txqs = TX_QUEUES, rxqs = Math.min(RX_QUEUES, txqs) } = context
    const [where] = interfaceArgs(context, ['vnet%d'])
    const rxRings = Array.from({ length: rxqs }, () => new Ring(RX_RING))
    const dev = allocNetdevMqs({ name: where.name, setup: d => setup(d, context), txqs, rxqs, priv: { rxRings } })
    const addresses = ['198.18.0.1/24', '198.18.1.2/24']
    if (params.ipv6) addresses.push('2001:db8::1/64', '2001:db8:0:1::2/64')
    return [{ dev, netns: where.netns, addresses }]
  },
})
