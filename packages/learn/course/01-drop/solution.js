// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  ETH_P_IP,
  ethTypeTrans,
  IFF_NOARP,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

/** @typedef {{ frames: number, bytes: number }} Priv */

/**
 * The kernel transmits a frame, which is ours from now on.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice<Priv>} dev
 */
function startXmit(skb, dev) {
  // #todo 1: drop the frame.
  // #todo 2: give the reason, if it is not IPv4.
  // #todo 3: count it in dev.priv, if it is.
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)
  dev.priv.frames++
  dev.priv.bytes += skb.len
  skb.drop()
  // #end
}

/**
 * Called when the device is allocated.
 * @param {import('vnet').NetDevice<Priv>} dev
 */
function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
  // #todo 4: no ARP.
  dev.flags |= IFF_NOARP
  // #end
}

function init() {
  const dev = allocEtherdevMqs({ name: 'drop%d', setup, priv: { frames: 0, bytes: 0 } })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'drop',
  description: 'drops every frame',
  params: {},
  init,
})
