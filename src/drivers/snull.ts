/**
 * snull: two Ethernet interfaces, each the other's far end. What leaves sn0 arrives on sn1 with the network number of both
 * addresses flipped (hidden-loopback.ts), so a host talks to itself without knowing it: it reaches 198.18.0.2 over sn0, and
 * the answer comes from its own 198.18.1.2 on sn1. After snull of Linux Device Drivers, 2nd edition, chapter 14.
 */
import { allocNetdevMqs, etherSetup } from '../core/alloc.ts'
import { bool, defineDriver, interfaceArgs } from '../core/driver.ts'
import { IFF_NOARP, NETDEV_TX_OK, NETIF_F_ALL_TAP } from '../core/if.ts'
import type { NetDevice } from '../core/net-device.ts'
import { netifRx, netifTxStartAllQueues, netifTxStopAllQueues } from '../core/netif.ts'
import type { NetDeviceOps } from '../core/ops.ts'
import { SKB_DROP_REASON_DEV_READY } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { addressToHost, flipAddress, flipNetwork } from './hidden-loopback.ts'

interface SnullPriv {
  peer: NetDevice<SnullPriv> | undefined
}

function open(dev: NetDevice<SnullPriv>): void {
  netifTxStartAllQueues(dev)
}

function release(dev: NetDevice<SnullPriv>): void {
  netifTxStopAllQueues(dev)
}

function startXmit(skb: SkBuff, dev: NetDevice<SnullPriv>): number {
  const { peer } = dev.priv
  const reason = peer === undefined ? SKB_DROP_REASON_DEV_READY : flipNetwork(skb)
  if (peer === undefined || reason !== 0) {
    skb.drop(reason)
    return NETDEV_TX_OK
  }
  addressToHost(skb, peer.devAddr)
  skb.dev = peer
  netifRx(skb) // (4) handed on to the peer
  return NETDEV_TX_OK
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
}

function setup(dev: NetDevice<SnullPriv>): void {
  etherSetup(dev)
  dev.netdevOps = snullOps
  dev.flags |= IFF_NOARP
  dev.features = NETIF_F_ALL_TAP
}

export const driver = defineDriver({
  name: 'snull',
  description: "two interfaces, each the other's far end",
  args: '[[NETNS/]IF0 [NETNS/]IF1]',
  params: {
    eth: bool({ default: false, description: 'call the interfaces eth%d' }),
    ipv6: bool({ default: false, description: 'add 2001:db8::1/64 to the first, 2001:db8:0:1::2/64 to the second' }),
  },
  farEnd: flipAddress,
  init(params, context) {
    const places = interfaceArgs(context, params.eth ? ['eth%d', 'eth%d'] : ['sn0', 'sn1'])
    const devices = places.map(({ name }, i) => {
      const priv: SnullPriv = { peer: undefined }
      const dev = allocNetdevMqs({ name, setup, txqs: context.txqs, rxqs: context.rxqs, priv })
      dev.devAddr.set(new TextEncoder().encode(`\0SNUL${i}`))
      return dev
    })
    const [sn0, sn1] = devices as [NetDevice<SnullPriv>, NetDevice<SnullPriv>]
    sn0.priv.peer = sn1
    sn1.priv.peer = sn0
    const addresses = [['198.18.0.1/24'], ['198.18.1.2/24']]
    if (params.ipv6)
      for (const [i, cidr] of ['2001:db8::1/64', '2001:db8:0:1::2/64'].entries()) addresses[i]?.push(cidr)
    return devices.map((dev, i) => ({ dev, netns: places[i]?.netns, addresses: addresses[i] }))
  },
})
