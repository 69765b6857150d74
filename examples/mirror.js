/**
 * mirror: an interface in which the machine sees itself. What it sends to any other address of
 * 198.18.0.0/24 comes back from there after a delay, through a board with buffers, a timer and an
 * interrupt, which can get lost. docs/write-a-driver.md builds this file step by step.
 */
import {
  allocEtherdevMqs,
  defineDriver,
  EINVAL,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_P_IP,
  ethTypeTrans,
  IFF_NOARP,
  IRQ_HANDLED,
  IRQ_NONE,
  Irq,
  int,
  ipv4,
  NSEC_PER_MSEC,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
  PACKET_HOST,
  Ring,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  TX_ERRORS,
} from 'vnet'

/** @import { Alarm, NetDevice, NetDeviceOps, ParamValues, SkBuff } from 'vnet' */

/**
 * The driver's data of a device (netdev_priv).
 *
 * @typedef {object} Priv
 * @property {ParamValues<typeof params>} params
 * @property {Ring} underWay frames that cross the board, oldest first
 * @property {Alarm} alarm rings when they have crossed it
 * @property {boolean} busy true until then
 * @property {Irq} irq
 * @property {number} arrivals
 */

/** @typedef {NetDevice<Priv>} Mirror */

const DONE = 1 // the one bit of the status word

const params = {
  delay: int({ default: 10, max: 1000, live: true, description: 'ms until a frame is back' }),
  buffers: int({ default: 64, min: 1, max: 1024, description: 'frames that may be under way' }),
  lockup: int({ default: 0, live: true, description: 'lose every Nth interrupt' }),
}

// Swaps source and destination. Returns 0, or the reason for a drop.
/** @param {SkBuff} skb @param {NetDevice} dev */
function reflect(skb, dev) {
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return SKB_DROP_REASON_UNHANDLED_PROTO
  if (skb.pktType !== PACKET_HOST) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE // not multicast
  const { bytes, nh } = skb
  if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR
  const source = ipv4.source(bytes, nh)
  ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, source)
  return 0
}

/** @param {Mirror} dev */
function devInit(dev) {
  dev.priv.irq = new Irq(dev)
  dev.priv.alarm = dev.net.clock.alarm(() => arrived(dev))
}

/** @param {Mirror} dev */
function open(dev) {
  dev.priv.irq.request(() => interrupt(dev))
  netifTxStartAllQueues(dev)
}

/** @param {Mirror} dev */
function stop(dev) {
  const { irq, alarm, underWay } = dev.priv
  netifTxStopAllQueues(dev)
  irq.free()
  alarm.cancel()
  dev.priv.busy = false
  underWay.purge(SKB_DROP_REASON_DEV_STOPPED)
}

/** @param {SkBuff} skb @param {Mirror} dev */
function startXmit(skb, dev) {
  const { priv } = dev
  const { params, alarm, underWay } = priv
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  underWay.push(skb)
  skb.hold() // moves it to the smallest slot that fits, for a longer stay
  if (underWay.length === underWay.capacity) {
    dev.txq(skb).stop()
  }
  if (priv.busy) return
  priv.busy = true
  alarm.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)
}

// Called when a frame has crossed the board, which sometimes loses an interrupt.
/** @param {Mirror} dev */
function arrived(dev) {
  const { irq, params } = dev.priv
  dev.priv.busy = false
  const n = ++dev.priv.arrivals
  if (params.lockup === 0 || n % params.lockup !== 0) {
    irq.raise(DONE)
  }
}

/** @param {Mirror} dev */
function interrupt(dev) {
  const { irq, underWay } = dev.priv
  if (irq.acknowledge() === 0) return IRQ_NONE
  for (let skb = underWay.shift(); skb !== undefined; skb = underWay.shift()) {
    netifRx(skb)
  }
  netifTxWakeAllQueues(dev)
  return IRQ_HANDLED
}

/** @param {Mirror} dev @param {number} queue */
function txTimeout(dev, queue) {
  dev.counters.count(queue, TX_ERRORS)
  dev.priv.irq.raise(DONE)
}

/** @param {NetDevice} _dev @param {number} mtu */
function changeMtu(_dev, mtu) {
  return mtu > ETH_DATA_LEN ? -EINVAL : 0
}

/** @type {NetDeviceOps<Priv>} */
const ops = {
  ndoInit: devInit,
  ndoOpen: open,
  ndoStop: stop,
  ndoStartXmit: startXmit,
  ndoChangeMtu: changeMtu,
  ndoTxTimeout: txTimeout,
}

/** @param {Mirror} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
  dev.watchdogTimeo = 500 // ms
}

/** @param {Priv['params']} params */
function init(params) {
  const priv = /** @type {Priv} */ ({
    params,
    busy: false,
    arrivals: 0,
    underWay: new Ring(params.buffers),
  })
  const dev = allocEtherdevMqs({ name: 'mirror%d', setup, priv })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'mirror',
  description: 'the machine sees itself',
  params,
  init,
})
