// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  IRQ_HANDLED,
  IRQ_NONE,
  int,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  SKB_DROP_REASON_DEV_READY,
  TX_ERRORS,
} from 'vnet'
import { flipNetwork, SNULL_RX_INTR, SNULL_TX_INTR, SnullHw, snullFaultParams } from 'vnet/drivers'

const params = {
  timeout: int({
    default: 50,
    min: 1,
    description: 'ms a queue may be stopped before the transmit timeout',
  }),
  poolSize: int({ default: 64, min: 1, description: 'transmit buffers per queue' }),
  ringSize: int({ default: 256, min: 1, description: 'frames the receive ring holds' }),
  ...snullFaultParams,
}

/** @typedef {import('vnet').ParamValues<typeof params>} Values */
/**
 * @typedef {object} Priv
 * @property {Values} params
 * @property {import('vnet').NetDevice<Priv> | undefined}
 *   peer the other end; undefined if gone
 * @property {SnullHw} hw the board, made in setup
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

/**
 * Makes a frame one for the peer. Returns 0, or the reason
 * for a drop.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} peer
 */
function translate(skb, peer) {
  const { bytes, data } = skb
  const reason = flipNetwork(skb)
  if (reason === 0 && !ethernet.isMulticastAddress(bytes, data)) {
    ethernet.copyAddress(bytes, data, peer.devAddr)
  }
  return reason
}

// #solution
/** @param {Device} dev */
function open(dev) {
  dev.priv.hw.start(interrupt)
  netifTxStartAllQueues(dev)
}

/** @param {Device} dev */
function stop(dev) {
  netifTxStopAllQueues(dev)
  dev.priv.hw.stop()
}
// #end

/**
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  // #todo 1: the driver, with ndoOpen, ndoStop and an
  // #skeleton // interrupt handler. This drops everything.
  // #todo 2: stop the queue.
  // #skeleton skb.drop()
  const { hw, peer } = dev.priv
  if (peer === undefined) return skb.drop(SKB_DROP_REASON_DEV_READY)
  const reason = translate(skb, peer)
  if (reason !== 0) return skb.drop(reason)
  const txq = dev.txq(skb)
  if (!hw.transmit(skb, peer, peer.priv.hw)) {
    txq.stop()
  }
  // #end
}

// #solution
/** @param {Device} dev */
function interrupt(dev) {
  const { hw } = dev.priv
  const status = hw.irq.acknowledge()
  if (status === 0) return IRQ_NONE
  if ((status & SNULL_RX_INTR) !== 0) {
    receive(dev)
  }
  if ((status & SNULL_TX_INTR) !== 0) {
    for (const [queue, txq] of dev.tx.entries()) {
      if (hw.reclaim(queue) && txq.stopped) {
        txq.wake()
      }
    }
  }
  return IRQ_HANDLED
}

/** @param {Device} dev */
function receive(dev) {
  const { rxRing } = dev.priv.hw
  for (let skb = rxRing.shift(); skb !== undefined; skb = rxRing.shift()) {
    skb.dev = dev
    ethTypeTrans(skb, dev)
    netifRx(skb)
  }
}

/**
 * @param {Device} dev
 * @param {number} queue
 */
function txTimeout(dev, queue) {
  const { hw, peer } = dev.priv
  dev.counters.count(queue, TX_ERRORS)
  hw.reset(queue, peer)
}
// #end

/**
 * The device was deleted: its peer has no other end.
 * @param {Device} dev
 */
function uninit(dev) {
  const { peer } = dev.priv
  if (peer !== undefined) {
    peer.priv.peer = undefined
  }
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
// #skeleton const ops = { ndoStartXmit: startXmit, ndoUninit: uninit }
const ops = {
  ndoOpen: open,
  ndoStop: stop,
  ndoStartXmit: startXmit,
  ndoTxTimeout: txTimeout,
  ndoUninit: uninit,
}
// #end

/** @param {Device} dev */
function setup(dev) {
  const { params } = dev.priv
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
  // #todo 3: when is a queue stopped for too long?
  dev.watchdogTimeo = params.timeout
  // #end
  dev.priv.hw = new SnullHw(dev, params.poolSize, params.ringSize, params)
}

/**
 * Makes two devices, each the other end of the other.
 * @param {Values} params
 * @param {import('vnet').DriverContext} context
 */
function init(params, { txqs, rxqs }) {
  const [one, two] = ['bd0', 'bd1'].map(name => {
    // setup makes the board.
    const priv = /** @type {Priv} */ ({ params, peer: undefined })
    return allocEtherdevMqs({ name, setup, txqs, rxqs, priv })
  })
  join(one, two)
  join(two, one)
  return [
    { dev: one, addresses: ['198.18.0.1/24'] },
    { dev: two, addresses: ['198.18.1.2/24'] },
  ]
}

/**
 * Puts a cable from one board to the other.
 * @param {Device} from
 * @param {Device} to
 */
function join(from, to) {
  from.priv.peer = to
  from.priv.hw.outgoing = { wire: { push: skb => to.priv.hw.receive(skb) } }
}

export const driver = defineDriver({
  name: 'board',
  description: 'a driver for the board of snull',
  params,
  init,
})
