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
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  PACKET_HOST,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

// The card's status of a frame: sent after a collision;
// not sent; came back damaged.
const COLLISION = 1
const ABORTED = 2
const DAMAGED = 4

/**
 * @typedef {object} Priv
 * @property {{ noise: number }} params
 * @property {Card} card
 * @property {number} missed frames that the card missed,
 *   of all its reads
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = { noise: int({ default: 0, description: 'damage every Nth frame' }) }

/** The card: read it, change nothing in it. */
class Card {
  /**
   * For the checks: what happens to the next frames.
   * @type {number[]}
   */
  fates = []
  /** For the checks: the register of missed frames. */
  register = 0
  #isOn = false
  #frames = 0

  powerUp() {
    this.#isOn = true
  }

  powerDown() {
    this.#isOn = false
    this.register = 0
  }

  /**
   * Sends a frame, which comes back. Returns its status.
   * @param {number} noise
   */
  exchange(noise) {
    this.#frames++
    return this.fates.shift() ?? (noise !== 0 && this.#frames % noise === 0 ? DAMAGED : 0)
  }

  /**
   * Frames that the card missed since this was last read.
   * Without power all bits are read as 1.
   */
  readMissed() {
    if (!this.#isOn) return 0xffff
    const n = this.register
    this.register = 0
    return n
  }
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

/** @param {Device} dev */
function open(dev) {
  dev.priv.card.powerUp()
  netifTxStartAllQueues(dev)
}

/** @param {Device} dev */
function stop(dev) {
  netifTxStopAllQueues(dev)
  // TODO 4: read the register before it is lost.
  dev.priv.card.powerDown()
}

/**
 * Adds what only the driver knows. Called also while the
 * interface is down.
 * @param {Device} dev
 * @param {Float64Array} stats
 */
function getStats64(dev, stats) {
  // TODO 3: add what the card missed.
}

/**
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const { card, params } = dev.priv
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  const bits = card.exchange(params.noise)
  // TODO 1: a frame that was aborted or damaged is an
  // error, of one direction or the other.
  // TODO 2: count a collision.
  if ((bits & (ABORTED | DAMAGED)) !== 0) return skb.drop()
  netifRx(skb)
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = { ndoOpen: open, ndoStop: stop, ndoStartXmit: startXmit, ndoGetStats64: getStats64 }

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
}

/**
 * @param {{ noise: number }} params
 * @param {import('vnet').DriverContext} context
 */
function init(params, { txqs, rxqs }) {
  const priv = { params, card: new Card(), missed: 0 }
  const dev = allocEtherdevMqs({ name: 'stat%d', setup, txqs, rxqs, priv })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'statistics',
  description: 'a card that loses frames',
  params,
  init,
})
