// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  ethernet,
  int,
  interfaceArgs,
  NSEC_PER_SEC,
  netifRx,
  RX_DROPPED,
  SKB_DROP_REASON_OTHERHOST,
} from 'vnet'

/** @typedef {import('vnet').NetDevice<Priv>} Device */
/**
 * @typedef {object} Station
 * @property {Device} port where it was heard
 * @property {number} seen when, in ns
 */
/**
 * @typedef {object} Priv
 * @property {{ age: number }} params
 * @property {Device[]} ports all ports, this one too
 * @property {Map<number, Station>} stations the table,
 *   which all ports share
 */

const params = {
  age: int({
    default: 300,
    min: 1,
    max: 86_400,
    description: 's until a silent station is forgotten',
  }),
}

/**
 * Returns the hardware address at a position as a number:
 * 48 bits are exact.
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function addressAt(bytes, at) {
  let address = 0
  for (let i = 0; i < 6; i++) {
    address = address * 256 + bytes[at + i]
  }
  return address
}

/**
 * Sends the frame out of a port: the kernel receives it.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} port
 */
function deliver(skb, port) {
  skb.dev = port
  netifRx(skb)
}

/**
 * Sends a frame to all ports but the one it came from.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} from
 */
function flood(skb, from) {
  // #skeleton const others = from.priv.ports.filter(port => port !== from)
  // #todo 1: the frame to one, a clone to the other.
  // #todo 4: there may be no clone.
  // #skeleton deliver(skb, others[0])
  const [last, ...others] = from.priv.ports.filter(port => port !== from)
  for (const port of others) {
    const copy = skb.clone()
    if (copy === undefined) {
      port.counters.count(0, RX_DROPPED)
    } else {
      deliver(copy, port)
    }
  }
  deliver(skb, last)
  // #end
}

/**
 * A frame comes in at a port.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  // #todo 2: learn where the source is; send a frame to a
  // #skeleton // known station to its port alone.
  // #todo 3: forget a station that was silent for
  // #skeleton // params.age seconds.
  // #skeleton flood(skb, dev)
  const { bytes, data } = skb
  const { params, stations } = dev.priv
  const now = dev.net.clock.now()
  stations.set(addressAt(bytes, ethernet.sourceAt(data)), { port: dev, seen: now })
  if (ethernet.isMulticastAddress(bytes, data)) return flood(skb, dev)
  const station = stations.get(addressAt(bytes, data))
  if (station === undefined || now - station.seen >= params.age * NSEC_PER_SEC) {
    return flood(skb, dev)
  }
  if (station.port === dev) return skb.drop(SKB_DROP_REASON_OTHERHOST)
  deliver(skb, station.port)
  // #end
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
}

/**
 * @param {{ age: number }} params
 * @param {import('vnet').DriverContext} context
 */
function init(params, context) {
  /** @type {Priv} */
  const priv = { params, ports: [], stations: new Map() }
  const places = interfaceArgs(context, ['sw0', 'sw1', 'sw2'])
  for (const { name } of places) {
    priv.ports.push(allocEtherdevMqs({ name, setup, priv }))
  }
  return priv.ports.map((dev, i) => ({
    dev,
    netns: places[i]?.netns,
    addresses: [`198.18.0.${i + 1}/24`],
  }))
}

const args = '[[NETNS/]IF0 [NETNS/]IF1 [NETNS/]IF2]'
export const driver = defineDriver({
  name: 'switch',
  description: 'a switch with three ports',
  args,
  params,
  init,
})
