// @ts-check
// TODO 1: frames arrive in a wrong order. See the page.
import {
  allocEtherdevMqs,
  defineDriver,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  IRQ_HANDLED,
  IRQ_NONE,
  Irq,
  int,
  Napi,
  NSEC_PER_MSEC,
  netifRunning,
  netifRx,
  netifRxDrop,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_FULL_RING,
} from 'vnet'
import { flipNetwork } from 'vnet/drivers'

// A bit of the status word: frames have arrived.
const RX_READY = 1

/**
 * A frame that has arrived, in a list.
 * @typedef {object} Packet
 * @property {import('vnet').SkBuff} skb
 * @property {Packet} [next]
 */
/**
 * @typedef {object} Priv
 * @property {{ delay: number, slots: number }} params
 * @property {Device} [peer] the other end, unless deleted
 * @property {Irq} irq
 * @property {Napi} napi
 * @property {import('vnet').Alarm} alarm the card
 *   interrupts when it rings
 * @property {boolean} armed whether the alarm is armed
 * @property {Packet} [head] the frames that have arrived
 *   and that no poll has taken
 * @property {number} waiting their number
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  delay: int({
    default: 1,
    max: 1000,
    description: 'ms from the first frame that arrives to the interrupt',
  }),
  slots: int({ default: 256, min: 1, max: 1024, description: 'frames that wait for a poll' }),
}

/**
 * Called when the device is registered: dev.net is set.
 * @param {Device} dev
 */
function devInit(dev) {
  const { priv } = dev
  priv.irq = new Irq(dev)
  priv.napi = new Napi(/** @type {any} */ (dev), (_, budget) => poll(dev, budget))
  priv.alarm = dev.net.clock.alarm(() => {
    priv.armed = false
    priv.irq.raise(RX_READY)
  })
}

/** @param {Device} dev */
function open(dev) {
  dev.priv.napi.enable()
  dev.priv.irq.request(interrupt)
  netifTxStartAllQueues(dev)
}

/** @param {Device} dev */
function stop(dev) {
  const { priv } = dev
  netifTxStopAllQueues(dev)
  priv.irq.free()
  priv.napi.disable()
  priv.alarm.cancel()
  priv.armed = false
  for (let packet = priv.head; packet !== undefined; packet = packet.next) {
    netifRxDrop(packet.skb, dev, SKB_DROP_REASON_DEV_STOPPED)
  }
  priv.head = undefined
  priv.waiting = 0
}

/**
 * Sends a frame to the other end, as one of its network.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const { peer } = dev.priv
  if (peer === undefined) return skb.drop(SKB_DROP_REASON_DEV_READY)
  const reason = flipNetwork(skb)
  if (reason !== 0) return skb.drop(reason)
  const { bytes, data } = skb
  if (!ethernet.isMulticastAddress(bytes, data)) {
    ethernet.copyAddress(bytes, data, peer.devAddr)
  }
  if (!netifRunning(peer)) return netifRxDrop(skb, peer, SKB_DROP_REASON_DEV_READY)
  if (peer.priv.waiting === peer.priv.params.slots) {
    return netifRxDrop(skb, peer, SKB_DROP_REASON_FULL_RING)
  }
  skb.hold()
  enqueue(skb, peer)
}

/**
 * A frame arrives.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function enqueue(skb, dev) {
  const { priv } = dev
  priv.head = { skb, next: priv.head }
  priv.waiting++
  if (priv.armed) return
  priv.armed = true
  priv.alarm.at(dev.net.clock.now() + priv.params.delay * NSEC_PER_MSEC)
}

/**
 * Takes a frame from the list, or returns undefined.
 * @param {Device} dev
 */
function dequeue({ priv }) {
  const packet = priv.head
  if (packet === undefined) return undefined
  priv.head = packet.next
  priv.waiting--
  return packet.skb
}

/** @param {Device} dev */
function interrupt(dev) {
  const { irq, napi } = dev.priv
  if (irq.acknowledge() === 0) return IRQ_NONE
  irq.mask(RX_READY)
  napi.schedule()
  return IRQ_HANDLED
}

/**
 * Hands over at most `budget` frames. Returns how many.
 * @param {Device} dev
 * @param {number} budget
 */
function poll(dev, budget) {
  const { irq, napi } = dev.priv
  let work = 0
  while (work < budget) {
    const skb = dequeue(dev)
    if (skb === undefined) break
    skb.dev = dev
    ethTypeTrans(skb, dev)
    netifRx(skb)
    work++
  }
  if (work < budget && napi.completeDone(work)) {
    irq.unmask(RX_READY)
  }
  return work
}

/**
 * The device was deleted: its peer has no other end.
 * @param {Device} dev
 */
function uninit({ priv }) {
  if (priv.peer !== undefined) {
    priv.peer.priv.peer = undefined
  }
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = {
  ndoInit: devInit,
  ndoUninit: uninit,
  ndoOpen: open,
  ndoStop: stop,
  ndoStartXmit: startXmit,
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
}

/**
 * Makes two devices, each the other end of the other.
 * @param {Priv['params']} params
 */
function init(params) {
  const [one, two] = ['od0', 'od1'].map(name => {
    const priv = /** @type {Priv} */ ({ params, armed: false, waiting: 0 })
    return allocEtherdevMqs({ name, setup, priv })
  })
  one.priv.peer = two
  two.priv.peer = one
  return [
    { dev: one, addresses: ['198.18.0.1/24'] },
    { dev: two, addresses: ['198.18.1.2/24'] },
  ]
}

export const driver = defineDriver({
  name: 'order',
  description: 'two interfaces that reorder frames',
  params,
  init,
})
