// @ts-check
import { allocEtherdevMqs, defineDriver, int, interfaceArgs, netifRx } from 'vnet'

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
  const others = from.priv.ports.filter(port => port !== from)
  // TODO 1: the frame to one, a clone to the other.
  // TODO 4: there may be no clone.
  deliver(skb, others[0])
}

/**
 * A frame comes in at a port.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  // TODO 2: learn where the source is; send a frame to a
  // known station to its port alone.
  // TODO 3: forget a station that was silent for
  // params.age seconds.
  flood(skb, dev)
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
