/**
 * snull: two Ethernet interfaces, each the other's far end. What leaves sn0 arrives on sn1 with the network number of both
 * addresses flipped (hidden-loopback.ts), so a host talks to itself without knowing it: it reaches 198.18.0.2 over sn0, and
 * the answer comes from its own 198.18.1.2 on sn1. After snull of Linux Device Drivers, 2nd edition, chapter 14.
 *
 * The driver works as for real hardware (snull-hw.ts): it hands the board a frame, and hears by interrupt that a frame was
 * sent, or came. With useNapi the interrupt only schedules a poll, which does the work until nothing is left.
 */
import { allocNetdevMqs, etherSetup } from '../core/alloc.ts'
import { bool, type DriverContext, defineDriver, int, interfaceArgs, type ParamValues } from '../core/driver.ts'
import { EBUSY, ENETDOWN, EOPNOTSUPP } from '../core/errno.ts'
import { ETH_ZLEN, IFF_NOARP, IFF_UP, NETDEV_TX_OK, NETIF_F_ALL_TAP } from '../core/if.ts'
import { IRQ_HANDLED, IRQ_NONE } from '../core/irq.ts'
import { Napi } from '../core/napi.ts'
import type { NetDevice } from '../core/net-device.ts'
import { ethTypeTrans, netifRx, netifRxDrop, netifTxStartAllQueues, netifTxStopAllQueues } from '../core/netif.ts'
import type { Ifmap, NetDeviceOps } from '../core/ops.ts'
import { TX_ERRORS } from '../core/stats.ts'
import { SKB_DROP_REASON_DEV_READY, SKB_DROP_REASON_NOMEM } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { answerFar, type FarNetwork, farNetwork } from './far-network.ts'
import { FlowQueues } from './flow-queues.ts'
import { addressToHost, flipAddress, flipNetwork } from './hidden-loopback.ts'
import { DAY, faultParams, isFault, takes } from './snull-faults.ts'
import { SNULL_RX_INTR, SNULL_TX_INTR, SnullHw } from './snull-hw.ts'
import { snullIoctl } from './snull-ioctl.ts'

const params = {
  eth: bool({ default: false, description: 'call the interfaces eth%d' }),
  ipv6: bool({ default: false, description: 'add 2001:db8::1/64 to the first, 2001:db8:0:1::2/64 to the second' }),
  arp: bool({ default: false, description: 'hosts of the far network answer ARP, neighbour discovery and ping' }),
  useNapi: bool({ default: false, description: 'poll (NAPI) instead of an interrupt for each batch' }),
  timeout: int({ default: 50, min: 1, max: DAY, description: 'ms a queue may be stopped before the transmit timeout' }),
  poolSize: int({ default: 64, min: 1, max: 65536, description: 'transmit buffers a queue' }),
  ringSize: int({ default: 256, min: 1, max: 65536, description: 'frames the receive ring holds' }),
  ...faultParams,
}

type SnullParams = ParamValues<typeof params>

interface SnullPriv {
  readonly params: SnullParams
  peer: NetDevice<SnullPriv> | undefined
  /** The board, the poll, and who answers for the far network: there once the device is allocated. */
  hw: SnullHw
  napi: Napi
  far: FarNetwork
  /** Shared with the peer; undefined with a single queue. */
  readonly flows: FlowQueues | undefined
  received: number
}

function open(dev: NetDevice<SnullPriv>): void {
  const { hw, napi, params } = dev.priv
  hw.start(params.useNapi ? () => napiInterrupt(dev) : () => interrupt(dev))
  napi.enable()
  netifTxStartAllQueues(dev)
}

function release(dev: NetDevice<SnullPriv>): void {
  const { hw, napi } = dev.priv
  netifTxStopAllQueues(dev)
  napi.disable()
  hw.stop()
  dev.log.debug(`${hw.irq.count} interrupts, ${hw.irq.spurious} of them spurious`)
}

/** The header's destination becomes the peer's address: the kernel wrote ours there, since without ARP it has no other. */
function startXmit(skb: SkBuff, dev: NetDevice<SnullPriv>): number {
  const { peer, hw, params, far } = dev.priv
  if (peer === undefined) {
    skb.drop(SKB_DROP_REASON_DEV_READY)
    return NETDEV_TX_OK
  }
  if (params.arp && answerFar(skb, dev, far, peer.addresses)) {
    skb.padto(ETH_ZLEN)
    netifRx(skb)
    return NETDEV_TX_OK
  }
  const reason = flipNetwork(skb)
  if (reason !== 0) {
    skb.drop(reason)
    return NETDEV_TX_OK
  }
  addressToHost(skb, peer.devAddr)
  skb.padto(ETH_ZLEN)
  const queue = skb.queueMapping
  // (4) handed on to the board
  if (!hw.transmit(skb, peer, peer.priv.hw)) dev.tx[queue].stop()
  return NETDEV_TX_OK
}

/** Gives the host a frame that came. */
function rx(skb: SkBuff, dev: NetDevice<SnullPriv>): void {
  const { priv } = dev
  if (priv.params.lowmem !== 0 && takes(priv.params.lowmem, ++priv.received)) {
    dev.logRatelimited('rx: low on mem - packet dropped')
    netifRxDrop(skb, dev, SKB_DROP_REASON_NOMEM)
    return
  }
  skb.dev = dev
  priv.flows?.steer(skb)
  ethTypeTrans(skb, dev)
  netifRx(skb)
}

/** What was sent is done with: its buffers are free, and a queue that waited for one goes on. */
function txDone(dev: NetDevice<SnullPriv>): void {
  const { tx, priv } = dev
  for (let queue = 0; queue < tx.length; queue++) {
    if (priv.hw.reclaim(queue) && tx[queue].stopped) tx[queue].wake()
  }
}

/** The interrupt handler without NAPI: does everything at once. */
function interrupt(dev: NetDevice<SnullPriv>): number {
  const { irq, rxRing } = dev.priv.hw
  const status = irq.acknowledge()
  if (status === 0) return IRQ_NONE
  if ((status & SNULL_RX_INTR) !== 0) {
    for (let skb = rxRing.shift(); skb !== undefined; skb = rxRing.shift()) rx(skb, dev)
  }
  if ((status & SNULL_TX_INTR) !== 0) txDone(dev)
  return IRQ_HANDLED
}

/** The interrupt handler with NAPI: no more interrupts until the poll found nothing left. */
function napiInterrupt(dev: NetDevice<SnullPriv>): number {
  const { hw, napi } = dev.priv
  if (hw.irq.acknowledge() === 0) return IRQ_NONE
  hw.irq.mask(SNULL_RX_INTR | SNULL_TX_INTR)
  napi.schedule()
  return IRQ_HANDLED
}

function poll(dev: NetDevice<SnullPriv>, napi: Napi, budget: number): number {
  const { irq, rxRing } = dev.priv.hw
  txDone(dev)
  let work = 0
  for (let skb = rxRing.shift(); skb !== undefined; skb = work < budget ? rxRing.shift() : undefined) {
    rx(skb, dev)
    work++
  }
  if (work < budget) {
    napi.completeDone(work)
    irq.unmask(SNULL_RX_INTR | SNULL_TX_INTR)
  }
  return work
}

/** A queue waits too long for its interrupt: counts the error, and has the board make up for it. */
function txTimeout(dev: NetDevice<SnullPriv>, queue: number): void {
  const { peer, hw } = dev.priv
  dev.counters.count(queue, TX_ERRORS)
  hw.reset(queue, peer, peer?.priv.hw)
}

/** Only the interrupt can be set, and only while the interface is down. */
function setConfig(dev: NetDevice<SnullPriv>, map: Ifmap): number {
  if ((dev.flags & IFF_UP) !== 0) return -EBUSY
  if (map.baseAddr !== dev.map.baseAddr) return -EOPNOTSUPP
  dev.map = { ...dev.map, irq: map.irq }
  return 0
}

/** A fault of the board, which has none while it is off. */
function trigger(dev: NetDevice<SnullPriv>, fault: string, queue: number | undefined): number {
  if (!isFault(fault)) return -EOPNOTSUPP
  if ((dev.flags & IFF_UP) === 0) return -ENETDOWN
  dev.priv.hw.trigger(fault, queue)
  return 0
}

/** The interface is gone; its peer has no far end any more. */
function uninit(dev: NetDevice<SnullPriv>): void {
  const { peer } = dev.priv
  if (peer !== undefined) peer.priv.peer = undefined
  dev.priv.peer = undefined
}

const snullOps: NetDeviceOps<SnullPriv> = {
  ndoOpen: open,
  ndoStop: release,
  ndoUninit: uninit,
  ndoStartXmit: startXmit,
  ndoTxTimeout: txTimeout,
  ndoSetConfig: setConfig,
  ndoSiocdevprivate: (dev, _ifr, data, cmd) => snullIoctl(dev, data, cmd),
  ndoTrigger: trigger,
}

function setup(dev: NetDevice<SnullPriv>): void {
  const { params } = dev.priv
  etherSetup(dev)
  dev.netdevOps = snullOps
  if (!params.arp) dev.flags |= IFF_NOARP
  dev.features = NETIF_F_ALL_TAP
  dev.watchdogTimeo = params.timeout
  dev.linkKsettings = { speed: 10, duplex: 'full' }
  dev.priv.hw = new SnullHw(dev, params.poolSize, params.ringSize, params)
  dev.priv.napi = new Napi(dev, (napi, budget) => poll(dev, napi, budget))
}

function allocSnull(
  name: string,
  i: number,
  params: SnullParams,
  flows: FlowQueues | undefined,
  { txqs, rxqs }: DriverContext,
): NetDevice<SnullPriv> {
  // Setup fills in the rest.
  const priv = { params, peer: undefined, received: 0, flows } as unknown as SnullPriv
  const dev = allocNetdevMqs({ name, setup, txqs, rxqs, priv })
  dev.devAddr.set(new TextEncoder().encode(`\0SNUL${i}`))
  return dev
}

export const driver = defineDriver({
  name: 'snull',
  description: "two interfaces, each the other's far end",
  args: '[[NETNS/]IF0 [NETNS/]IF1]',
  params,
  farEnd: flipAddress,
  init(params, context) {
    const places = interfaceArgs(context, params.eth ? ['eth%d', 'eth%d'] : ['sn0', 'sn1'])
    const flows = (context.txqs ?? 1) > 1 ? new FlowQueues(context.net.clock) : undefined
    const devices = places.map(({ name }, i) => allocSnull(name, i, params, flows, context))
    const [sn0, sn1] = devices as [NetDevice<SnullPriv>, NetDevice<SnullPriv>]
    for (const [dev, peer] of [[sn0, sn1] as const, [sn1, sn0] as const]) {
      dev.priv.peer = peer
      dev.priv.far = farNetwork(peer.devAddr)
    }
    const addresses = [['198.18.0.1/24'], ['198.18.1.2/24']]
    if (params.ipv6)
      for (const [i, cidr] of ['2001:db8::1/64', '2001:db8:0:1::2/64'].entries()) addresses[i]?.push(cidr)
    return devices.map((dev, i) => ({ dev, netns: places[i]?.netns, addresses: addresses[i] }))
  },
})
