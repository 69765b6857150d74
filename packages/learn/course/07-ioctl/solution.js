// @ts-check
import {
  allocEtherdevMqs,
  bool,
  defineDriver,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  ETH_HLEN,
  ETH_P_IP,
  ethTypeTrans,
  IFF_NOARP,
  int,
  ipv4,
  SIOCDEVPRIVATE,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  text,
  UsageError,
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

// #solution
const PROTOCOLS = new Map(
  Object.entries({ all: 0, icmp: ipv4.IPPROTO_ICMP, tcp: ipv4.IPPROTO_TCP, udp: ipv4.IPPROTO_UDP }),
)

/**
 * Returns the number of a protocol, 0 for all.
 * @param {string} name
 */
function protocolOf(name) {
  const number = PROTOCOLS.get(name)
  if (number === undefined) {
    throw new UsageError(`'${name}' is none of ${[...PROTOCOLS.keys()].join(', ')}`)
  }
  return number
}

/** @param {number} number */
const nameOf = number =>
  [...PROTOCOLS.keys()].find(name => PROTOCOLS.get(name) === number) ?? String(number)
// #end

const params = {
  // #todo 1: let it change while the driver runs.
  // #end
  limit: int({
    default: 1514,
    min: 14,
    max: 65536,
    // #solution
    live: true,
    // #end
    description: 'count no longer frames than this',
  }),
  // #todo 2: add `count`, on or off.
  // #todo 3: add `only`, the name of a protocol.
  count: bool({ default: true, live: true, description: 'count frames' }),
  only: text({
    default: 0,
    live: true,
    description: 'count this protocol only',
    parse: protocolOf,
    format: nameOf,
  }),
  // #end
}

/**
 * Every frame is dropped; most are counted.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const { priv } = dev
  // #solution
  const { limit, count, only } = priv.params
  // #end
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) {
    return skb.drop(SKB_DROP_REASON_IP_INHDR)
  }
  // #todo 1, 2, 3: use the parameters.
  // #skeleton priv.frames++
  // #skeleton priv.bytes += skb.len
  if (skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)
  if (count && (only === 0 || ipv4.protocol(skb.bytes, skb.nh) === only)) {
    priv.frames++
    priv.bytes += skb.len
  }
  // #end
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
  // #todo 4: COUNTERS reads the counters.
  // #todo 5: with FLAG_RESET it sets them to 0, for callers
  // #skeleton // that may.
  // #skeleton return -EOPNOTSUPP
  const { priv } = dev
  if (cmd !== COUNTERS) return -EOPNOTSUPP
  const bytes = data.read(SIZE)
  const view = new DataView(bytes.buffer)
  const flags = view.getUint32(4, true)
  if (view.getUint32(0, true) !== SIZE || (flags & ~FLAG_RESET) !== 0) return -EINVAL
  if (flags === FLAG_RESET && !data.mayChange) return -EPERM
  view.setBigUint64(8, BigInt(priv.frames), true)
  view.setBigUint64(16, BigInt(priv.bytes), true)
  data.write(bytes)
  if (flags === FLAG_RESET) {
    priv.frames = 0
    priv.bytes = 0
  }
  return 0
  // #end
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
