// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  ETH_HLEN,
  ETH_P_IP,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  int,
  ipv4,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  PACKET_HOST,
  Ring,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

/**
 * @typedef {object} Priv
 * @property {{ delay: number, slots: number }} params
 * @property {import('vnet').Ring} ring
 * @property {import('vnet').Alarm} alarm made in devInit
 * @property {boolean} busy whether the alarm is armed
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  delay: int({ default: 10, max: 1000, description: 'ms until a frame is back' }),
  slots: int({
    default: 8,
    min: 1,
    max: 1024,
    description: 'frames in the ring, rounded up to a power of two',
  }),
}

/**
 * Makes a frame one that comes back from where it was
 * sent. Returns 0, or the reason for a drop.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function reflect(skb, dev) {
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return SKB_DROP_REASON_UNHANDLED_PROTO
  if (skb.pktType !== PACKET_HOST) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR
  ipv4.swapAddresses(skb.bytes, skb.nh)
  ethernet.swapAddresses(skb.bytes, skb.data)
  return 0
}

/**
 * Called when the device is registered: dev.net is set.
 * @param {Device} dev
 */
function devInit(dev) {
  dev.priv.alarm = dev.net.clock.alarm(() => arrived(dev))
}

/**
 * The interface was brought up.
 * @param {Device} dev
 */
function open(dev) {
  netifTxStartAllQueues(dev)
}

/**
 * The interface is brought down.
 * @param {Device} dev
 */
function stop(dev) {
  netifTxStopAllQueues(dev)
  // TODO 4: release everything.
}

/**
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  // TODO 1: put the frame into the ring, and arm the alarm
  // if it is not armed.
  // TODO 3: stop the queue when the ring is full.
  skb.drop()
}

/**
 * The alarm rings.
 * @param {Device} dev
 */
function arrived(dev) {
  // TODO 2: hand all frames over, oldest first.
  // TODO 3: wake the queue.
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = { ndoInit: devInit, ndoOpen: open, ndoStop: stop, ndoStartXmit: startXmit }

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
}

/** @param {{ delay: number, slots: number }} params */
function init(params) {
  const priv = /** @type {Priv} */ ({ params, ring: new Ring(params.slots), busy: false })
  const dev = allocEtherdevMqs({ name: 'ring%d', setup, priv })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'ring',
  description: 'a mirror with a delay',
  params,
  init,
})
