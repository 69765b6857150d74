// @ts-check
// #skeleton import { netifTxWakeAllQueues } from 'vnet'
// #end
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
  NSEC_PER_MSEC,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  Ring,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

/**
 * What belongs to one transmit queue.
 * @typedef {object} Lane
 * @property {Ring} ring
 * @property {import('vnet').Alarm | undefined} alarm made
 *   in devInit
 * @property {boolean} busy whether the alarm is armed
 * @property {number} frames frames that came by this
 *   queue, and their bytes
 * @property {number} bytes
 */
/** @typedef {{ params: { delay: number, slots: number }, lanes: Lane[] }} Priv */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  delay: int({ default: 1, max: 1000, description: 'ms until a frame is back' }),
  slots: int({
    default: 64,
    min: 1,
    max: 1024,
    description: 'frames in each ring, rounded up to a power of two',
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
  ethernet.swapAddresses(skb.bytes, skb.data)
  return 0
}

/**
 * @param {number} slots
 * @returns {Lane}
 */
function newLane(slots) {
  return { ring: new Ring(slots), alarm: undefined, busy: false, frames: 0, bytes: 0 }
}

/**
 * Called when the device is registered: dev.net is set.
 * @param {Device} dev
 */
function devInit(dev) {
  for (const [queue, lane] of dev.priv.lanes.entries()) {
    lane.alarm = dev.net.clock.alarm(() => arrived(dev, queue))
  }
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
  for (const lane of dev.priv.lanes) {
    lane.alarm?.cancel()
    lane.busy = false
    lane.ring.purge(SKB_DROP_REASON_DEV_STOPPED)
  }
}

/**
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const { params, lanes } = dev.priv
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  // #todo 2: the lane of the queue by which the frame came.
  // #skeleton const lane = lanes[0]
  // #todo 3: count it.
  const lane = lanes[skb.queueMapping]
  lane.frames++
  lane.bytes += skb.len
  // #end
  lane.ring.push(skb)
  skb.hold()
  // #todo 4: stop only the queue of a full ring.
  // #end
  if (lane.ring.length === lane.ring.capacity) {
    // #skeleton netifTxStopAllQueues(dev)
    dev.tx[skb.queueMapping].stop()
    // #end
  }
  if (lane.busy) return
  lane.busy = true
  lane.alarm?.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)
}

/**
 * The alarm of a queue rings.
 * @param {Device} dev
 * @param {number} queue
 */
function arrived(dev, queue) {
  const lane = dev.priv.lanes[queue]
  lane.busy = false
  for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) {
    netifRx(skb)
  }
  // #todo 4: wake only the queue of a ring with room.
  // #skeleton netifTxWakeAllQueues(dev)
  dev.tx[queue].wake()
  // #end
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = { ndoInit: devInit, ndoOpen: open, ndoStop: stop, ndoStartXmit: startXmit }

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
}

/**
 * @param {Priv['params']} params
 * @param {import('vnet').DriverContext} context
 */
// #skeleton function init(params, context) {
// #skeleton   // TODO 1: context.txqs and context.rxqs queues, or four,
// #skeleton   // and a lane for each.
// #skeleton   const lanes = [newLane(params.slots)]
// #skeleton   const dev = allocEtherdevMqs({ name: 'mq%d', setup, priv: { params, lanes } })
function init(params, { txqs = 4, rxqs = txqs }) {
  const lanes = Array.from({ length: txqs }, () => newLane(params.slots))
  const dev = allocEtherdevMqs({ name: 'mq%d', setup, txqs, rxqs, priv: { params, lanes } })
  // #end
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'mq',
  description: 'a mirror with several queues',
  params,
  init,
})
