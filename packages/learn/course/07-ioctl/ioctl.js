// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  EOPNOTSUPP,
  ETH_HLEN,
  ETH_P_IP,
  ethTypeTrans,
  IFF_NOARP,
  int,
  ipv4,
  SIOCDEVPRIVATE,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

// The private ioctl: struct counters { u32 size, flags;
// u64 frames, bytes; } at ifr_data.
const COUNTERS = SIOCDEVPRIVATE + 0
const SIZE = 24
const FLAG_RESET = 1

/**
 * @typedef {object} Priv
 * @property {{ limit: number, count: boolean, only: number }} params
 * @property {number} frames
 * @property {number} bytes
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  // TODO 1: let it change while the driver runs.
  limit: int({
    default: 1514,
    min: 14,
    max: 65536,
    description: 'count no longer frames than this',
  }),
  // TODO 2: add `count`, on or off.
  // TODO 3: add `only`, the name of a protocol.
}

/**
 * Every frame is dropped; most are counted.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const { priv } = dev
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) {
    return skb.drop(SKB_DROP_REASON_IP_INHDR)
  }
  // TODO 1, 2, 3: use the parameters.
  priv.frames++
  priv.bytes += skb.len
  skb.drop()
}

/**
 * A private ioctl.
 * @param {Device} dev
 * @param {Uint8Array} _ifr
 * @param {import('vnet').UserData} data
 * @param {number} cmd
 */
function ioctl(dev, _ifr, data, cmd) {
  // TODO 4: COUNTERS reads the counters.
  // TODO 5: with FLAG_RESET it sets them to 0, for callers
  // that may.
  return -EOPNOTSUPP
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit, ndoSiocdevprivate: ioctl }
  dev.flags |= IFF_NOARP
}

/** @param {Priv['params']} params */
function init(params) {
  const priv = /** @type {Priv} */ ({ params, frames: 0, bytes: 0 })
  const dev = allocEtherdevMqs({ name: 'count%d', setup, priv })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'count',
  description: 'counts frames and drops them',
  params,
  init,
})
