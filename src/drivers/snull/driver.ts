/**
 * snull: two Ethernet interfaces, each the far end of the other. Frames that leave sn0 arrive on
 * sn1 with the network number of both addresses flipped (flip/hidden-loopback.ts), so a machine
 * talks to itself without knowing it: it reaches 198.18.0.2 over sn0, and the reply comes from its
 * own 198.18.1.2 on sn1. After snull of Linux Device Drivers, 2nd edition, chapter 14.
 *
 * The driver works as for real hardware (board.ts): it gives the board a frame, and learns by
 * interrupt that a frame was sent or received. With useNapi the interrupt only schedules a poll,
 * which works until nothing is left.
 */
import { EBUSY, EINVAL, ENETDOWN, EOPNOTSUPP, EPERM } from '../../base/errno.ts'
import { UsageError } from '../../base/usage-error.ts'
import { bool, defineDriver, int, interfaceArgs, type ParamValues } from '../../netdev/driver.ts'
import { allocNetdevMqs, etherSetup } from '../../netdev/eth.ts'
import {
  ETH_ZLEN,
  IFF_NOARP,
  IFF_UP,
  NETDEV_TX_OK,
  NETIF_F_ALL_TAP,
  SIOCDEVPRIVATE,
} from '../../netdev/if.ts'
import { IRQ_HANDLED, IRQ_NONE } from '../../netdev/irq.ts'
import { Napi } from '../../netdev/napi.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import {
  ethTypeTrans,
  netifRx,
  netifRxDrop,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
} from '../../netdev/netif.ts'
import type { Ifmap, NetDeviceOps, UserData } from '../../netdev/ops.ts'
import { TX_ERRORS } from '../../netdev/stats.ts'
import { SKB_DROP_REASON_DEV_READY, SKB_DROP_REASON_NOMEM } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { DirectedWire, WireEnd } from '../../wire/directed-wire.ts'
import { directedWires, wireParams } from '../../wire/params.ts'
import { answerFar, type FarNetwork, farNetwork } from '../far/far-network.ts'
import { addressToHost, flipNetwork } from '../flip/hidden-loopback.ts'
import { FlowQueues } from '../flow-queues.ts'
import { resetStats, VNET_IOCTL_RESET_STATS } from '../reset-stats.ts'
import {
  DAY,
  faultParams,
  faults,
  isFault,
  SNULL_RX_INTR,
  SNULL_TX_INTR,
  SnullHw,
  takes,
} from './board.ts'

const SNULL_IOCTL_GET_STATS = SIOCDEVPRIVATE + 1
const SNULL_IOCTL_GET_LOCKUP = SIOCDEVPRIVATE + 2
const SNULL_IOCTL_SET_LOCKUP = SIOCDEVPRIVATE + 3

const snullParams = {
  eth: bool({ default: false, description: 'call the interfaces eth%d' }),
  ipv6: bool({
    default: false,
    description: 'add 2001:db8::1/64 to the first, 2001:db8:0:1::2/64 to the second',
  }),
  arp: bool({
    default: false,
    description: 'hosts of the far network reply to ARP, neighbour discovery and ping',
  }),
  useNapi: bool({
    default: false,
    description: 'poll (NAPI) instead of an interrupt for each batch',
  }),
  timeout: int({
    default: 50,
    min: 1,
    max: DAY,
    description: 'ms a queue may be stopped before the transmit timeout',
  }),
  poolSize: int({ default: 64, min: 1, max: 65536, description: 'transmit buffers per queue' }),
  ringSize: int({ default: 256, min: 1, max: 65536, description: 'frames the receive ring holds' }),
  ...faultParams,
  ...wireParams,
}

type SnullParams = ParamValues<typeof snullParams>

interface SnullPriv {
  readonly params: SnullParams
  peer: NetDevice<SnullPriv> | undefined
  /** The board, the poll, and the far network; set when the device is allocated. */
  hw: SnullHw
  napi: Napi
  far: FarNetwork
  /** The wires between the two boards, from the first to the second and back. */
  wires: readonly DirectedWire[]
  /** Shared with the peer; undefined with a single queue. */
  readonly flows: FlowQueues | undefined
  received: number
}

function open(dev: NetDevice<SnullPriv>): void {
  const { hw, napi, params } = dev.priv
  hw.start(params.useNapi ? napiInterrupt : interrupt)
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

/** The destination becomes the peer's address: without ARP the kernel wrote the device's own. */
function startXmit(skb: SkBuff, dev: NetDevice<SnullPriv>): number {
  const { peer, hw, params, far } = dev.priv
  if (peer === undefined) {
    skb.drop(SKB_DROP_REASON_DEV_READY)
    return NETDEV_TX_OK
  }
  if (params.arp && answerFar(skb, far, dev.addresses, peer.addresses)) {
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
  // (3) The board takes the frame over, and the peer's interrupt handler receives it.
  if (!hw.transmit(skb, peer, peer.priv.hw)) {
    dev.tx[queue].stop()
  }
  return NETDEV_TX_OK
}

/** (3) continues here: hands the kernel a frame that the board received. */
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

/** Frees the buffers of transmitted frames, and wakes the queues that waited for a buffer. */
function txDone(dev: NetDevice<SnullPriv>): void {
  const { tx, priv } = dev
  for (let queue = 0; queue < tx.length; queue++) {
    if (priv.hw.reclaim(queue) && tx[queue].stopped) {
      tx[queue].wake()
    }
  }
}

/** The interrupt handler without NAPI does all the work itself. */
function interrupt(dev: NetDevice<SnullPriv>): number {
  const { irq, rxRing } = dev.priv.hw
  const status = irq.acknowledge()
  if (status === 0) return IRQ_NONE
  if ((status & SNULL_RX_INTR) !== 0) {
    for (let skb = rxRing.shift(); skb !== undefined; skb = rxRing.shift()) {
      rx(skb, dev)
    }
  }
  if ((status & SNULL_TX_INTR) !== 0) {
    txDone(dev)
  }
  return IRQ_HANDLED
}

/** The interrupt handler with NAPI masks interrupts until the poll finds nothing left. */
function napiInterrupt(dev: NetDevice<SnullPriv>): number {
  const { hw, napi } = dev.priv
  if (hw.irq.acknowledge() === 0) return IRQ_NONE
  hw.irq.mask(SNULL_RX_INTR | SNULL_TX_INTR)
  napi.schedule()
  return IRQ_HANDLED
}

function poll(napi: Napi, budget: number): number {
  const dev = napi.dev as NetDevice<SnullPriv>
  const { irq, rxRing } = dev.priv.hw
  txDone(dev)
  let work = 0
  for (
    let skb = rxRing.shift();
    skb !== undefined;
    skb = work < budget ? rxRing.shift() : undefined
  ) {
    rx(skb, dev)
    work++
  }
  if (work < budget && napi.completeDone(work)) {
    irq.unmask(SNULL_RX_INTR | SNULL_TX_INTR)
  }
  return work
}

/** A queue waited too long for its interrupt: counts the error and repairs the board. */
function txTimeout(dev: NetDevice<SnullPriv>, queue: number): void {
  const { peer, hw } = dev.priv
  dev.counters.count(queue, TX_ERRORS)
  hw.reset(queue, peer)
}

/** Only the interrupt can be set, and only while the interface is down. */
function setConfig(dev: NetDevice<SnullPriv>, map: Ifmap): number {
  if ((dev.flags & IFF_UP) !== 0) return -EBUSY
  if (map.baseAddr !== dev.map.baseAddr) return -EOPNOTSUPP
  dev.map = { ...dev.map, irq: map.irq }
  return 0
}

/**
 * The private ioctls, on a struct ifreq; its ifr_data points to the value:
 *
 *   + 0  VNET_IOCTL_RESET_STATS  no value       owner  sets the interface's statistics to 0
 *   + 1  SNULL_IOCTL_GET_STATS   200 bytes, out all    struct rtnl_link_stats64
 *   + 2  SNULL_IOCTL_GET_LOCKUP  int, out       all    the parameter `lockup`
 *   + 3  SNULL_IOCTL_SET_LOCKUP  int, in        owner  sets it, for both interfaces
 *
 * The numbers are added to SIOCDEVPRIVATE; all others are EOPNOTSUPP. The owner is root or the user
 * that the driver runs as; others get EPERM. A negative `lockup` is EINVAL.
 */
function ioctl(dev: NetDevice<SnullPriv>, _ifr: Uint8Array, data: UserData, cmd: number): number {
  const { params } = dev.priv
  switch (cmd) {
    case VNET_IOCTL_RESET_STATS:
      return resetStats(dev, data)
    case SNULL_IOCTL_GET_STATS:
      data.write(new Uint8Array(BigUint64Array.from(dev.getStats64(), BigInt).buffer))
      return 0
    case SNULL_IOCTL_GET_LOCKUP:
      data.write(new Uint8Array(Int32Array.of(params.lockup).buffer))
      return 0
    case SNULL_IOCTL_SET_LOCKUP:
      return setLockup(params, data)
    default:
      return -EOPNOTSUPP
  }
}

function setLockup(params: SnullParams, data: UserData): number {
  if (!data.mayChange) return -EPERM
  const [lockup] = new Int32Array(data.read(Int32Array.BYTES_PER_ELEMENT).buffer)
  if (lockup < 0) return -EINVAL
  params.lockup = lockup
  return 0
}

/** Causes a fault of the board, which needs to be powered. */
function trigger(dev: NetDevice<SnullPriv>, fault: string, queue: number | undefined): number {
  if (!isFault(fault)) return -EOPNOTSUPP
  if ((dev.flags & IFF_UP) === 0) return -ENETDOWN
  dev.priv.hw.trigger(fault, queue)
  return 0
}

/** The interface was deleted: its peer no longer has a far end. */
function uninit(dev: NetDevice<SnullPriv>): void {
  const { peer } = dev.priv
  if (peer !== undefined) {
    peer.priv.peer = undefined
  }
  dev.priv.peer = undefined
}

const snullOps: NetDeviceOps<SnullPriv> = {
  ndoGetPeerDev: dev => dev.priv.peer,
  ndoGetWires: dev => dev.priv.wires,
  ndoGetParts: dev => dev.priv.hw.parts,
  ndoOpen: open,
  ndoStop: release,
  ndoUninit: uninit,
  ndoStartXmit: startXmit,
  ndoTxTimeout: txTimeout,
  ndoSetConfig: setConfig,
  ndoSiocdevprivate: ioctl,
  ndoTrigger: trigger,
  faults,
}

function setup(dev: NetDevice<SnullPriv>): void {
  const { params } = dev.priv
  etherSetup(dev)
  dev.netdevOps = snullOps
  if (!params.arp) {
    dev.flags |= IFF_NOARP
  }
  dev.features = NETIF_F_ALL_TAP
  dev.watchdogTimeo = params.timeout
  dev.linkKsettings = { speed: 10, duplex: 'full' }
  dev.priv.hw = new SnullHw(dev, params.poolSize, params.ringSize, params)
  dev.priv.napi = new Napi(dev, poll)
}

/** The receiver of a board, as one end of the wire. */
function endOf(dev: NetDevice<SnullPriv>): WireEnd {
  const { hw } = dev.priv
  return { dev, wire: { push: skb => hw.receive(skb) } }
}

export const driver = defineDriver({
  name: 'snull',
  description: "two interfaces, each the other's far end",
  args: '[[NETNS/]IF0 [NETNS/]IF1]',
  params: snullParams,
  flips: true,
  init(params, context) {
    if (params.eth && context.args.length + context.names.length > 0) {
      throw new UsageError('snull: --eth names the interfaces eth%d: leave it out, or their names')
    }
    const places = interfaceArgs(context, params.eth ? ['eth%d', 'eth%d'] : ['sn0', 'sn1'])
    const flows = (context.txqs ?? 1) > 1 ? new FlowQueues(context.net.clock) : undefined
    const devices = places.map(({ name }, i) => {
      // Setup fills in the rest.
      const priv = {
        params,
        peer: undefined,
        received: 0,
        flows,
        wires: [],
      } as unknown as SnullPriv
      const dev = allocNetdevMqs({ name, setup, txqs: context.txqs, rxqs: context.rxqs, priv })
      dev.devAddr.set(new TextEncoder().encode(`\0SNUL${i}`))
      return dev
    })
    const [sn0, sn1] = devices as [NetDevice<SnullPriv>, NetDevice<SnullPriv>]
    const wires = directedWires(params, context, endOf(sn0), endOf(sn1))
    for (const [i, [dev, peer]] of [[sn0, sn1] as const, [sn1, sn0] as const].entries()) {
      dev.priv.peer = peer
      dev.priv.far = farNetwork(peer.devAddr)
      dev.priv.wires = wires
      dev.priv.hw.outgoing = wires[i]
    }
    const addresses = [['198.18.0.1/24'], ['198.18.1.2/24']]
    if (params.ipv6) {
      for (const [i, cidr] of ['2001:db8::1/64', '2001:db8:0:1::2/64'].entries()) {
        addresses[i]?.push(cidr)
      }
    }
    return devices.map((dev, i) => ({ dev, netns: places[i]?.netns, addresses: addresses[i] }))
  },
})
