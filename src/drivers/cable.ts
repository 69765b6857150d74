/**
 * cable: two interfaces joined by a wire. Any frame passes unchanged and in order. As with veth, a link has a carrier while
 * its peer is up, and a frame that is not GSO and longer than the receiver's MTU allows is dropped and counted.
 */
import { allocNetdevMqs, etherSetup, ethHwAddrRandom } from '../core/alloc.ts'
import { type DriverContext, defineDriver, interfaceArgs, UsageError } from '../core/driver.ts'
import { ETH_HLEN, IFF_UP, NETDEV_TX_OK, NETIF_F_ALL_TAP, VLAN_HLEN } from '../core/if.ts'
import type { NetDevice } from '../core/net-device.ts'
import { netifCarrierOff, netifCarrierOn } from '../core/netif.ts'
import type { NetDeviceOps } from '../core/ops.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_PKT_TOO_SMALL,
} from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { direct } from '../wire/direct.ts'
import type { Wire } from '../wire/wire.ts'

interface CablePriv {
  peer: NetDevice<CablePriv> | undefined
  /** Leads to the peer. */
  wire: Wire | undefined
}

/** The carrier follows the peer's IFF_UP, never its carrier: two ends that wait for each other's would stay off. */
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
  if (dev.priv.peer !== undefined) netifCarrierOff(dev.priv.peer)
}

function startXmit(skb: SkBuff, dev: NetDevice<CablePriv>): number {
  const { peer, wire } = dev.priv
  if (peer === undefined || wire === undefined || (peer.flags & IFF_UP) === 0) skb.drop(SKB_DROP_REASON_DEV_READY)
  else if (skb.len < ETH_HLEN) skb.drop(SKB_DROP_REASON_PKT_TOO_SMALL)
  else if (skb.gsoSize === 0 && skb.len > peer.mtu + ETH_HLEN + VLAN_HLEN) skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)
  else wire.push(skb) // (4) handed on to the wire
  return NETDEV_TX_OK
}

/** This end is gone, and with it the cable. */
function uninit(dev: NetDevice<CablePriv>): void {
  const { peer } = dev.priv
  if (peer === undefined) return
  peer.priv.peer = undefined
  peer.priv.wire?.close()
  dev.priv.wire?.close()
}

const cableOps: NetDeviceOps<CablePriv> = {
  ndoOpen: open,
  ndoStop: stop,
  ndoUninit: uninit,
  ndoStartXmit: startXmit,
}

function setup(dev: NetDevice<CablePriv>, { net }: DriverContext): void {
  etherSetup(dev)
  dev.netdevOps = cableOps
  dev.features = NETIF_F_ALL_TAP
  ethHwAddrRandom(dev, net.random)
  netifCarrierOff(dev)
}

export const driver = defineDriver({
  name: 'cable',
  description: 'two interfaces joined as by a cable, each in its own network namespace if named',
  args: '[NETNS/]IF [NETNS/]IF',
  params: {},
  init(_params, context) {
    if (context.args.length !== 2) throw new UsageError('cable joins two interfaces: cable [NETNS/]IF [NETNS/]IF')
    const places = interfaceArgs(context, ['', ''])
    const devices = places.map(({ name }) => {
      const priv: CablePriv = { peer: undefined, wire: undefined }
      return allocNetdevMqs({ name, setup: d => setup(d, context), txqs: context.txqs, rxqs: context.rxqs, priv })
    })
    const [a, b] = devices as [NetDevice<CablePriv>, NetDevice<CablePriv>]
    a.priv.peer = b
    a.priv.wire = direct(b)
    b.priv.peer = a
    b.priv.wire = direct(a)
    return devices.map((dev, i) => ({ dev, netns: places[i]?.netns }))
  },
})
