// @ts-check
import { allocEtherdevMqs, defineDriver, IFF_NOARP } from 'vnet'

/**
 * Makes a frame one that comes back from where it was
 * sent. Returns 0, or the reason for a drop.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice} dev
 */
function reflect(skb, dev) {
  // TODO 2: swap the IPv4 addresses.
  // TODO 3: swap the hardware addresses.
  // TODO 4: before that, return the reason if the frame
  // cannot be mirrored.
  return 0
}

/**
 * The kernel transmits a frame, which is ours from now on.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice} dev
 */
function startXmit(skb, dev) {
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  // TODO 1: give the frame to the kernel instead.
  skb.drop()
}

/** @param {import('vnet').NetDevice} dev */
function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
  dev.flags |= IFF_NOARP // nothing replies to ARP
}

function init() {
  const dev = allocEtherdevMqs({ name: 'mirror%d', setup, priv: {} })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'mirror',
  description: 'the machine sees itself',
  params: {},
  init,
})
