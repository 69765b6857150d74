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
  NSEC_PER_MSEC,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
  Ring,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_TX_ABORTED,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

/**
 * @typedef {object} Priv
 * @property {{ delay: number, slots: number, timeout: number, lockup: number }} params
 * @property {Board} board
 * @property {number} timeouts calls of the watchdog
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  delay: int({ default: 1, max: 1000, description: 'ms that the board takes' }),
  slots: int({
    default: 4,
    min: 1,
    max: 1024,
    description: 'frames in the tx ring, rounded up to a power of two',
  }),
  timeout: int({
    default: 100,
    min: 1,
    max: 60_000,
    description: 'ms that a queue may be stopped',
  }),
  lockup: int({ default: 0, live: true, description: 'hang up at every Nth batch' }),
}

/**
 * The card. It sends each frame to itself, with the
 * addresses swapped, unless it hangs.
 */
class Board {
  /** @param {Device} dev */
  constructor(dev) {
    this.dev = dev
    this.tx = new Ring(dev.priv.params.slots)
    this.alarm = dev.net.clock.alarm(() => this.work())
    this.busy = false
    this.hangs = false
    this.batches = 0
  }

  /** The driver has put frames into the tx ring. */
  kick() {
    const { net, priv } = this.dev
    if (!this.busy && !this.hangs) {
      this.alarm.at(net.clock.now() + priv.params.delay * NSEC_PER_MSEC)
    }
    this.busy = true
  }

  work() {
    const { lockup } = this.dev.priv.params
    this.busy = false
    this.hangs = lockup > 0 && ++this.batches % lockup === 0
    if (this.hangs) return
    for (let skb = this.tx.shift(); skb !== undefined; skb = this.tx.shift()) {
      ipv4.swapAddresses(skb.bytes, skb.nh)
      ethernet.swapAddresses(skb.bytes, skb.data)
      netifRx(skb)
    }
    sent(this.dev)
  }

  /**
   * Makes the board work again. Frames in the tx ring
   * remain there, and are not sent.
   */
  reset() {
    this.alarm.cancel()
    this.busy = false
    this.hangs = false
  }
}

/**
 * Called when the device is registered: dev.net is set.
 * @param {Device} dev
 */
function devInit(dev) {
  dev.priv.board = new Board(dev)
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
  dev.priv.board.reset()
  dev.priv.board.tx.purge(SKB_DROP_REASON_DEV_STOPPED)
}

/**
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const { board } = dev.priv
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) {
    return skb.drop(SKB_DROP_REASON_IP_INHDR)
  }
  board.tx.push(skb)
  if (board.tx.length === board.tx.capacity) {
    dev.txq(skb).stop()
  }
  board.kick()
}

/**
 * The board has sent all that was in the tx ring.
 * @param {Device} dev
 */
function sent(dev) {
  netifTxWakeAllQueues(dev)
}

/**
 * A queue was stopped for longer than dev.watchdogTimeo.
 * @param {Device} dev
 * @param {number} queue
 */
function txTimeout(dev, queue) {
  // #solution
  const { board } = dev.priv
  // #end
  dev.priv.timeouts++
  // #todo 2: make the board work again.
  // #todo 3: drop what was in the tx ring, and say why.
  // #todo 4: wake the queue.
  board.reset()
  board.tx.purge(SKB_DROP_REASON_TX_ABORTED)
  dev.tx[queue]?.wake()
  // #end
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = {
  ndoInit: devInit,
  ndoOpen: open,
  ndoStop: stop,
  ndoStartXmit: startXmit,
  ndoTxTimeout: txTimeout,
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
  // #todo 1: how long may a queue be stopped?
  dev.watchdogTimeo = dev.priv.params.timeout
  // #end
}

/** @param {Priv['params']} params */
function init(params) {
  const priv = /** @type {Priv} */ ({ params, timeouts: 0 })
  const dev = allocEtherdevMqs({ name: 'watch%d', setup, priv })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'watch',
  description: 'a card that hangs up',
  params,
  init,
})
