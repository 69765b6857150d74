/**
 * cable: two interfaces joined by a wire. Any frame passes unchanged and in order. As with veth, a
 * link has a carrier while its peer is up, and a frame that is not GSO and longer than the
 * receiver's MTU allows is dropped and counted. With `--rx-filter` each end receives as hardware
 * does: frames for others do not reach the kernel.
 */
import { UsageError } from '../base/usage-error.ts'
import { bool, type DriverContext, defineDriver, int, interfaceArgs } from '../netdev/driver.ts'
import { allocNetdevMqs, etherSetup, ethHwAddrRandom } from '../netdev/eth.ts'
import { ETH_HLEN, IFF_UP, NETDEV_TX_OK, NETIF_F_ALL_TAP, VLAN_HLEN } from '../netdev/if.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import { netifCarrierOff, netifCarrierOn } from '../netdev/netif.ts'
import type { NetDeviceOps } from '../netdev/ops.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_PKT_TOO_SMALL,
} from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { type DirectedWire, direct, type WireEnd } from '../wire/directed-wire.ts'
import { directedWires, wireParams } from '../wire/params.ts'
import { resetStatsIoctl } from './reset-stats.ts'
import { filtered, RxFilter } from './rx-filter.ts'

interface CablePriv {
  peer: NetDevice<CablePriv> | undefined
  /** Leads to the peer; undefined until both ends are made. */
  outgoing: DirectedWire | undefined
  wires: readonly DirectedWire[]
  /** The frames that the kernel at this end receives; undefined is all frames. */
  rxFilter: RxFilter | undefined
}

/** Mbit/s, as veth shows it. */
const SPEED = 10_000

/** The carrier follows the peer's IFF_UP: ends that wait for a carrier would never get one. */
function open(dev: NetDevice<CablePriv>): void {
  const { peer } = dev.priv
  if (peer === undefined || (peer.flags & IFF_UP) === 0) {
    netifCarrierOff(dev)
    return
  }
  netifCarrierOn(dev)
  netifCarrierOn(peer)
}

function stop(dev: NetDevice<CablePriv>): void {
  if (dev.priv.peer !== undefined) {
    netifCarrierOff(dev.priv.peer)
  }
}

function startXmit(skb: SkBuff, dev: NetDevice<CablePriv>): number {
  const { peer, outgoing } = dev.priv
  if (peer === undefined || outgoing === undefined || (peer.flags & IFF_UP) === 0) {
    skb.drop(SKB_DROP_REASON_DEV_READY)
  } else if (skb.len < ETH_HLEN) {
    skb.drop(SKB_DROP_REASON_PKT_TOO_SMALL)
  } else if (skb.gsoSize === 0 && skb.len > peer.mtu + ETH_HLEN + VLAN_HLEN) {
    skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)
  } else {
    outgoing.wire.push(skb) // (3) The wire takes the frame over.
  }
  return NETDEV_TX_OK
}

function endOf(dev: NetDevice<CablePriv>): WireEnd {
  const { rxFilter } = dev.priv
  return { dev, wire: rxFilter === undefined ? direct(dev) : filtered(direct(dev), dev, rxFilter) }
}

/** This end was unregistered, and the cable with it. */
function uninit(dev: NetDevice<CablePriv>): void {
  if (dev.priv.peer !== undefined) {
    dev.priv.peer.priv.peer = undefined
  }
}

const cableOps: NetDeviceOps<CablePriv> = {
  ndoGetPeerDev: dev => dev.priv.peer,
  ndoGetWires: dev => dev.priv.wires,
  ndoOpen: open,
  ndoStop: stop,
  ndoUninit: uninit,
  ndoStartXmit: startXmit,
  ndoSiocdevprivate: resetStatsIoctl,
}

/** An unfiltered cable has no ndoSetRxMode, so the multicast list is not read. */
const filteredCableOps: NetDeviceOps<CablePriv> = {
  ...cableOps,
  ndoSetRxMode: dev => dev.priv.rxFilter?.setRxMode(dev),
}

function setup(dev: NetDevice<CablePriv>, { net }: DriverContext): void {
  etherSetup(dev)
  dev.netdevOps = dev.priv.rxFilter === undefined ? cableOps : filteredCableOps
  dev.features = NETIF_F_ALL_TAP
  dev.linkKsettings = { speed: SPEED, duplex: 'full' }
  ethHwAddrRandom(dev, net.random)
  netifCarrierOff(dev)
}

export const driver = defineDriver({
  name: 'cable',
  description: 'two interfaces joined as by a cable, each in its own network namespace if named',
  args: '[NETNS/]IF [NETNS/]IF',
  warmUpArgs: ['a', 'b'],
  params: {
    rxFilter: bool({
      default: false,
      description: 'filter like hardware: only frames for the receiver reach the kernel',
    }),
    rxFilterSize: int({
      default: 32,
      max: 4096,
      implies: 'rxFilter',
      description:
        'turn on --rx-filter with room for this many multicast groups; with more, all groups pass',
    }),
    ...wireParams,
  },
  init(params, context) {
    if (context.args.length !== 2) {
      throw new UsageError('cable joins two interfaces: cable [NETNS/]IF [NETNS/]IF')
    }
    const places = interfaceArgs(context, ['', ''])
    const devices = places.map(({ name }) => {
      const rxFilter = params.rxFilter ? new RxFilter(params.rxFilterSize) : undefined
      const priv: CablePriv = { peer: undefined, outgoing: undefined, wires: [], rxFilter }
      return allocNetdevMqs({
        name,
        setup: d => setup(d, context),
        txqs: context.txqs,
        rxqs: context.rxqs,
        priv,
      })
    })
    const [a, b] = devices as [NetDevice<CablePriv>, NetDevice<CablePriv>]
    const wires = directedWires(params, context, endOf(a), endOf(b))
    Object.assign(a.priv, { peer: b, outgoing: wires[0], wires })
    Object.assign(b.priv, { peer: a, outgoing: wires[1], wires })
    return devices.map((dev, i) => ({ dev, netns: places[i]?.netns }))
  },
})
