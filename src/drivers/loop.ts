/**
 * loop: one interface with several transmit and receive queues that is its own far end. A frame
 * that leaves returns with the network number of both addresses flipped (flip/hidden-loopback.ts),
 * so a machine with an address in each of the two networks talks to itself over a real interface.
 *
 * A frame from transmit queue q goes through receive ring q % rxqs, and back to the kernel on queue
 * q: the kernel sends a flow on the queue where it last received it, so flows keep their queue and
 * their order. Only a reply that used another queue than its request goes back on the request's
 * (flow-queues.ts).
 */
import { bool, type DriverContext, defineDriver, int, interfaceArgs } from '../netdev/driver.ts'
import { allocNetdevMqs, etherSetup, ethHwAddrRandom } from '../netdev/eth.ts'
import {
  ETH_ALEN,
  ETH_ZLEN,
  IFF_NOARP,
  NETDEV_TX_OK,
  NETIF_F_ALL_TAP,
  NETIF_MSG_RX_STATUS,
  NETIF_MSG_TX_QUEUED,
} from '../netdev/if.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import {
  ethTypeTrans,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
} from '../netdev/netif.ts'
import type { NetDeviceOps } from '../netdev/ops.ts'
import {
  Ring,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_FULL_RING,
  type SkBuff,
} from '../skb/index.ts'
import { answerFar, type FarNetwork, farNetwork } from './far/far-network.ts'
import { addressToHost, flipNetwork } from './flip/hidden-loopback.ts'
import { FlowQueues } from './flow-queues.ts'
import { resetStatsIoctl } from './reset-stats.ts'

const TX_QUEUES = 4
const RX_QUEUES = 2

interface LoopPriv {
  rxRings: Ring[]
  /** Undefined with a single queue. */
  flows: FlowQueues | undefined
  /** The far network; undefined without --arp. */
  far: FarNetwork | undefined
}

function open(dev: NetDevice<LoopPriv>): void {
  setMacAddress(dev, dev.devAddr)
  netifTxStartAllQueues(dev)
}

/** The hosts of the far network have the device's own address with the last bit flipped. */
function setMacAddress(dev: NetDevice<LoopPriv>, address: Uint8Array): void {
  const { far } = dev.priv
  if (far === undefined) return
  far.address.set(address)
  far.address[ETH_ALEN - 1] ^= 1
}

function stop(dev: NetDevice<LoopPriv>): void {
  netifTxStopAllQueues(dev)
  for (const ring of dev.priv.rxRings) {
    ring.purge(SKB_DROP_REASON_DEV_STOPPED)
  }
}

function startXmit(skb: SkBuff, dev: NetDevice<LoopPriv>): number {
  const { far, flows, rxRings } = dev.priv
  if (far !== undefined && answerFar(skb, far, dev.addresses, dev.addresses)) {
    skb.padto(ETH_ZLEN)
    netifRx(skb)
    return NETDEV_TX_OK
  }
  const reason = flipNetwork(skb)
  if (reason !== 0) {
    skb.drop(reason)
    return NETDEV_TX_OK
  }
  addressToHost(skb, dev.devAddr)
  skb.padto(ETH_ZLEN)
  const log = (dev.msgEnable & NETIF_MSG_TX_QUEUED) !== 0
  if (log) {
    dev.logEvent(`TX queue ${skb.queueMapping}: enqueue, len ${skb.len}`)
  }
  flows?.steer(skb)
  const queue = skb.queueMapping % dev.numRxQueues
  if (log) {
    dev.logEvent(`copied to RX queue ${queue}`)
  }
  // (3) The frame moves to a ring of the driver's own.
  if (rxRings[queue].push(skb)) {
    processRxRing(queue, dev)
  } else {
    skb.drop(SKB_DROP_REASON_FULL_RING)
  }
  return NETDEV_TX_OK
}

/** Gives the kernel everything in a receive ring, as an interrupt handler would. */
function processRxRing(queue: number, dev: NetDevice<LoopPriv>): void {
  const ring = dev.priv.rxRings[queue]
  for (let skb = ring.shift(); skb !== undefined; skb = ring.shift()) {
    ethTypeTrans(skb, dev)
    if ((dev.msgEnable & NETIF_MSG_RX_STATUS) !== 0) {
      dev.logEvent(`RX queue ${queue}: delivering, len ${skb.len}`)
    }
    netifRx(skb)
  }
}

const loopOps: NetDeviceOps<LoopPriv> = {
  ndoOpen: open,
  ndoStop: stop,
  ndoStartXmit: startXmit,
  ndoSetMacAddress: setMacAddress,
  ndoSiocdevprivate: resetStatsIoctl,
}

function setup(dev: NetDevice<LoopPriv>, { net }: DriverContext): void {
  etherSetup(dev)
  dev.netdevOps = loopOps
  if (dev.priv.far === undefined) {
    dev.flags |= IFF_NOARP
  }
  dev.features = NETIF_F_ALL_TAP
  dev.linkKsettings = { speed: 10_000, duplex: 'full' }
  ethHwAddrRandom(dev, net.random)
}

export const driver = defineDriver({
  name: 'loop',
  description: 'one interface with several queues that is its own far end',
  params: {
    ipv6: bool({ default: false, description: 'add 2001:db8::1/64 and 2001:db8:0:1::2/64' }),
    arp: bool({
      default: false,
      description: 'hosts of the far network reply to ARP, neighbour discovery and ping',
    }),
    ringSize: int({ default: 64, min: 1, max: 65536, description: 'frames a receive ring holds' }),
  },
  flips: true,
  init(params, context) {
    const { txqs = TX_QUEUES, rxqs = Math.min(RX_QUEUES, txqs) } = context
    const [where] = interfaceArgs(context, ['vnet%d'])
    const rxRings = Array.from({ length: rxqs }, () => new Ring(params.ringSize))
    const far = params.arp ? farNetwork(new Uint8Array(ETH_ALEN)) : undefined
    const flows = txqs > 1 ? new FlowQueues(context.net.clock) : undefined
    const priv: LoopPriv = { rxRings, flows, far }
    const dev = allocNetdevMqs({
      name: where.name,
      setup: d => setup(d, context),
      txqs,
      rxqs,
      priv,
    })
    const addresses = ['198.18.0.1/24', '198.18.1.2/24']
    if (params.ipv6) {
      addresses.push('2001:db8::1/64', '2001:db8:0:1::2/64')
    }
    return [{ dev, netns: where.netns, addresses }]
  },
})
