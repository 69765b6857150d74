// @ts-check
// TODO 1: this driver has six faults. See the page.
import {
  allocEtherdevMqs,
  defineDriver,
  ETH_HLEN,
  ETH_P_IP,
  ethTypeTrans,
  IFF_NOARP,
  int,
  ipv4,
  NSEC_PER_MSEC,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
  Ring,
  RX_PACKETS,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

/**
 * @typedef {object} Priv
 * @property {{ delay: number, slots: number }} params
 * @property {Ring} ring frames that cross the board,
 *   oldest first
 * @property {import('vnet').Alarm} alarm rings when they
 *   have crossed it
 * @property {boolean} busy whether the alarm is armed
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

/** Bytes of the shortest frame that the board carries. */
const SHORTEST = 60
/** Where the TTL is in the IPv4 header. */
const TTL = 8

const params = {
  delay: int({ default: 5, max: 1000, description: 'ms until a frame is back' }),
  slots: int({
    default: 4,
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
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR
  ipv4.swapAddresses(skb.bytes, skb.nh)
  skb.bytes[skb.nh + TTL]--
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
  const { priv } = dev
  netifTxStopAllQueues(dev)
  priv.alarm.cancel()
  priv.ring.purge(SKB_DROP_REASON_DEV_STOPPED)
}

/**
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const { priv } = dev
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  if (skb.bytes[skb.nh + TTL] < 2) return skb.free()
  skb.bytes.fill(0, skb.tail, skb.data + SHORTEST)
  priv.ring.push(skb)
  skb.hold()
  if (priv.ring.length === priv.ring.capacity) {
    dev.txq(skb).stop()
  }
  if (priv.busy) return
  priv.busy = true
  priv.alarm.at(dev.net.clock.now() + priv.params.delay * NSEC_PER_MSEC)
}

/**
 * The frames have crossed the board.
 * @param {Device} dev
 */
function arrived(dev) {
  const { priv } = dev
  priv.busy = false
  const hadRoom = priv.ring.length < priv.ring.capacity
  for (let skb = priv.ring.shift(); skb !== undefined; skb = priv.ring.shift()) {
    dev.counters.count(0, RX_PACKETS)
    netifRx(skb)
  }
  if (hadRoom) {
    netifTxWakeAllQueues(dev)
  }
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = { ndoInit: devInit, ndoOpen: open, ndoStop: stop, ndoStartXmit: startXmit }

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
}

/** @param {Priv['params']} params */
function init(params) {
  const priv = /** @type {Priv} */ ({ params, busy: false, ring: new Ring(params.slots) })
  const dev = allocEtherdevMqs({ name: 'broken%d', setup, priv })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'broken',
  description: 'a mirror that was broken',
  params,
  init,
})
