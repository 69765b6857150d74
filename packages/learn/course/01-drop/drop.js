// @ts-check
import { allocEtherdevMqs, defineDriver } from 'vnet'

/** @typedef {{ frames: number, bytes: number }} Priv */

/**
 * The kernel transmits a frame, which is ours from now on.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice<Priv>} dev
 */
function startXmit(skb, dev) {
  // TODO 1: drop the frame.
  // TODO 2: give the reason, if it is not IPv4.
  // TODO 3: count it in dev.priv, if it is.
}

/**
 * Called when the device is allocated.
 * @param {import('vnet').NetDevice<Priv>} dev
 */
function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
  // TODO 4: no ARP.
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
