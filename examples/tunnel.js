/**
 * tunnel: Ethernet in UDP. Each frame of the kernel goes to the other end as one datagram, and each
 * datagram from there is a frame for the kernel. docs/drivers/own-frames.md explains it.
 */
import { createSocket } from 'node:dgram'
import {
  allocEtherdevMqs,
  defineDriver,
  devAllocSkb,
  ETH_HLEN,
  ethTypeTrans,
  int,
  netifRx,
  netifRxDrop,
  RX_DROPPED,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_TX_ABORTED,
  SKB_DROP_REASON_TX_FIFO,
  text,
} from 'vnet'

/** @import { NetDevice, ParamValues, SkBuff } from 'vnet' */
/** @typedef {{ params: ParamValues<typeof params>, socket?: import('node:dgram').Socket }} Priv */
/** @typedef {NetDevice<Priv>} Tunnel */

/** Bytes that the outer IPv4, UDP and inner Ethernet headers take of an MTU of 1500. */
const HEADERS = 20 + 8 + ETH_HLEN
/** Bytes that may wait in the socket. */
const WAITING_MAX = 1 << 20

const params = {
  peer: text({
    default: '192.0.2.2',
    value: 'ADDRESS',
    description: 'IPv4 address of the other end',
  }),
  port: int({ default: 4789, min: 1, max: 65535, description: 'UDP port of both ends' }),
}

/** @param {Tunnel} dev */
function open(dev) {
  const socket = createSocket('udp4')
  socket.on('message', message => receive(dev, message))
  // A socket without a listener for errors would end vnet with the first one.
  socket.on('error', error => dev.log.err(`the socket: ${error.message}`))
  socket.bind(dev.priv.params.port)
  dev.priv.socket = socket
}

/** @param {Tunnel} dev */
function stop(dev) {
  dev.priv.socket?.close()
}

/** @param {SkBuff} skb @param {Tunnel} dev */
function startXmit(skb, dev) {
  const { socket, params } = dev.priv
  if (socket === undefined) return skb.drop(SKB_DROP_REASON_TX_ABORTED)
  if (socket.getSendQueueSize() > WAITING_MAX) return skb.drop(SKB_DROP_REASON_TX_FIFO)
  // A copy: the socket sends it later, when the frame's memory has another frame.
  socket.send(skb.bytes.slice(skb.data, skb.tail), params.port, params.peer, () => {})
  skb.free()
}

/** @param {Tunnel} dev @param {Uint8Array} message */
function receive(dev, message) {
  const skb = devAllocSkb(dev, message.length)
  if (skb === undefined) return dev.counters.count(0, RX_DROPPED)
  skb.bytes.set(message, skb.put(message.length))
  if (skb.len < ETH_HLEN) return netifRxDrop(skb, dev, SKB_DROP_REASON_PKT_TOO_SMALL)
  ethTypeTrans(skb, dev)
  netifRx(skb)
}

/** @param {Tunnel} dev */
function setup(dev) {
  dev.netdevOps = { ndoOpen: open, ndoStop: stop, ndoStartXmit: startXmit }
  dev.mtu = 1500 - HEADERS
}

/** @param {Priv['params']} params */
function init(params) {
  const dev = allocEtherdevMqs({ name: 'tunnel%d', setup, priv: /** @type {Priv} */ ({ params }) })
  return [{ dev }]
}

export const driver = defineDriver({ name: 'tunnel', description: 'Ethernet in UDP', params, init })
