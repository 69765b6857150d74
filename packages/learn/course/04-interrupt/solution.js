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

// The bits of the status word: the board has sent frames;
// it has received frames.
const TX_DONE = 1
const RX_READY = 2

/**
 * @typedef {object} Priv
 * @property {{ delay: number, slots: number, spurious: number }} params
 * @property {Irq} irq
 * @property {Board} board
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  delay: int({ default: 5, max: 1000, description: 'ms that the board takes' }),
  slots: int({
    default: 8,
    min: 1,
    max: 1024,
    description: 'frames in each ring, rounded up to a power of two',
  }),
  spurious: int({ default: 0, description: 'interrupts of another card after every Nth of ours' }),
}

/**
 * The card. It sends each frame to itself, with the
 * addresses swapped.
 */
class Board {
  /** @param {Device} dev */
  constructor(dev) {
    const { delay, slots, spurious } = dev.priv.params
    this.tx = new Ring(slots)
    this.rx = new Ring(slots)
    this.delay = delay * NSEC_PER_MSEC
    this.spurious = spurious
    this.interrupts = 0
    this.busy = false
    this.dev = dev
    this.alarm = dev.net.clock.alarm(() => this.work())
  }

  /** The driver has put frames into the tx ring. */
  kick() {
    if (this.busy) return
    this.busy = true
    this.alarm.at(this.dev.net.clock.now() + this.delay)
  }

  /** Moves all frames, and raises one interrupt. */
  work() {
    const { irq } = this.dev.priv
    this.busy = false
    while (this.tx.length > 0 && this.rx.length < this.rx.capacity) {
      const skb = /** @type {import('vnet').SkBuff} */ (this.tx.shift())
      ipv4.swapAddresses(skb.bytes, skb.nh)
      ethernet.swapAddresses(skb.bytes, skb.data)
      this.rx.push(skb)
    }
    irq.raise(TX_DONE | RX_READY)
    if (this.spurious > 0 && ++this.interrupts % this.spurious === 0) {
      this.dev.net.clock.alarm(() => irq.raise(0)).at(0)
    }
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
  dev.priv.board = new Board(dev)
}

/**
 * The interface was brought up.
 * @param {Device} dev
 */
function open(dev) {
  // #todo 1: request the interrupt.
  dev.priv.irq.request(interrupt)
  // #end
  netifTxStartAllQueues(dev)
}

/**
 * The interface is brought down.
 * @param {Device} dev
 */
function stop(dev) {
  netifTxStopAllQueues(dev)
  // #todo 1: free the interrupt.
  dev.priv.irq.free()
  // #end
  dev.priv.board.reset()
}

/**
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  // #solution
  const { board } = dev.priv
  // #end
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) {
    return skb.drop(SKB_DROP_REASON_IP_INHDR)
  }
  // #todo 2: put the frame into the tx ring, stop the queue
  // #skeleton // when that is full, kick the board.
  // #skeleton skb.drop()
  board.tx.push(skb)
  if (board.tx.length === board.tx.capacity) {
    dev.txq(skb).stop()
  }
  board.kick()
  // #end
}

/**
 * The line is raised. Returns whether it was by our board.
 * @param {Device} dev
 */
function interrupt(dev) {
  // #todo 3: acknowledge; IRQ_NONE if it is not ours.
  // #todo 4: take all frames on RX_READY, wake the queue on
  // #skeleton // TX_DONE.
  // #skeleton return IRQ_NONE
  const { irq, board } = dev.priv
  const status = irq.acknowledge()
  if (status === 0) return IRQ_NONE
  if ((status & RX_READY) !== 0) {
    for (let skb = board.rx.shift(); skb !== undefined; skb = board.rx.shift()) {
      netifRx(skb)
    }
  }
  if ((status & TX_DONE) !== 0) {
    netifTxWakeAllQueues(dev)
  }
  return IRQ_HANDLED
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
  const dev = allocEtherdevMqs({ name: 'board%d', setup, priv })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'board',
  description: 'a card that interrupts',
  params,
  init,
})
