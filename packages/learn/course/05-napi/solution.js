// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  ETH_HLEN,
  ETH_P_IP,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  IRQ_HANDLED,
  IRQ_NONE,
  Irq,
  int,
  ipv4,
  Napi,
  NSEC_PER_MSEC,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
  Ring,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

// A bit of the status word: the board has moved frames
// from the tx ring to the rx ring.
const MOVED = 1

/**
 * @typedef {object} Priv
 * @property {{ delay: number, slots: number }} params
 * @property {Irq} irq
 * @property {Napi} napi
 * @property {Board} board
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  delay: int({ default: 1, max: 1000, description: 'ms that the board takes' }),
  slots: int({
    default: 256,
    min: 1,
    max: 1024,
    description: 'frames in each ring, rounded up to a power of two',
  }),
}

/**
 * The card. It sends each frame to itself, with the
 * addresses swapped.
 */
class Board {
  /** @param {Device} dev */
  constructor(dev) {
    const { delay, slots } = dev.priv.params
    this.tx = new Ring(slots)
    this.rx = new Ring(slots)
    this.busy = false
    this.now = () => dev.net.clock.now() + delay * NSEC_PER_MSEC
    this.irq = dev.priv.irq
    this.alarm = dev.net.clock.alarm(() => this.work())
  }

  /** The driver has put frames into the tx ring. */
  kick() {
    if (!this.busy) {
      this.alarm.at(this.now())
    }
    this.busy = true
  }

  /**
   * Moves frames while there is room, and raises one
   * interrupt.
   */
  work() {
    this.busy = false
    while (this.tx.length > 0 && this.rx.length < this.rx.capacity) {
      const skb = /** @type {import('vnet').SkBuff} */ (this.tx.shift())
      ipv4.swapAddresses(skb.bytes, skb.nh)
      ethernet.swapAddresses(skb.bytes, skb.data)
      this.rx.push(skb)
    }
    this.irq.raise(MOVED)
    if (this.tx.length > 0) {
      this.kick()
    }
  }

  reset() {
    this.alarm.cancel()
    this.busy = false
    this.tx.purge(SKB_DROP_REASON_DEV_STOPPED)
    this.rx.purge(SKB_DROP_REASON_DEV_STOPPED)
  }
}

/**
 * Called when the device is registered: dev.net is set.
 * @param {Device} dev
 */
function devInit(dev) {
  dev.priv.irq = new Irq(dev)
  dev.priv.napi = new Napi(/** @type {any} */ (dev), (_, budget) => poll(dev, budget))
  dev.priv.board = new Board(dev)
}

/**
 * The interface was brought up.
 * @param {Device} dev
 */
function open(dev) {
  // #todo 1: enable the poll.
  dev.priv.napi.enable()
  // #end
  dev.priv.irq.request(interrupt)
  netifTxStartAllQueues(dev)
}

/**
 * The interface is brought down.
 * @param {Device} dev
 */
function stop(dev) {
  netifTxStopAllQueues(dev)
  dev.priv.irq.free()
  // #todo 1: disable the poll.
  dev.priv.napi.disable()
  // #end
  dev.priv.board.reset()
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
 * The line is raised. Returns whether it was by our board.
 * @param {Device} dev
 */
function interrupt(dev) {
  // #skeleton const { irq, board } = dev.priv
  const { irq, napi } = dev.priv
  // #end
  if (irq.acknowledge() === 0) return IRQ_NONE
  // #todo 2: mask the interrupt and schedule the poll, in
  // #skeleton // place of the rest.
  // #skeleton for (let skb = board.rx.shift(); skb !== undefined; skb = board.rx.shift()) {
  // #skeleton   netifRx(skb)
  // #skeleton }
  // #skeleton netifTxWakeAllQueues(dev)
  irq.mask(MOVED)
  napi.schedule()
  // #end
  return IRQ_HANDLED
}

/**
 * Handles at most `budget` frames. Returns how many.
 * @param {Device} dev
 * @param {number} budget
 */
function poll(dev, budget) {
  // #todo 3: wake the queue, hand over at most `budget`
  // #skeleton // frames, and return their number.
  // #todo 4: when nothing is left, complete and unmask.
  // #skeleton return 0
  const { irq, napi, board } = dev.priv
  netifTxWakeAllQueues(dev)
  let work = 0
  while (work < budget && board.rx.length > 0) {
    netifRx(/** @type {import('vnet').SkBuff} */ (board.rx.shift()))
    work++
  }
  if (work < budget && napi.completeDone(work)) {
    irq.unmask(MOVED)
  }
  return work
  // #end
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
  const priv = /** @type {Priv} */ ({ params })
  const dev = allocEtherdevMqs({ name: 'napi%d', setup, priv })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'napi',
  description: 'a card that is polled',
  params,
  init,
})
