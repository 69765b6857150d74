/** Whole ways of a frame: what a host sends on one device it receives on another, through a driver and a wire. */
import {
  allocNetdevMqs,
  cable,
  defaultParams,
  defineDriver,
  etherSetup,
  ethHwAddrRandom,
  flipNetwork,
  LOGLEVEL_ERR,
  Log,
  loop,
  NETDEV_TX_OK,
  Net,
  netifRx,
  registerNetdev,
  snull,
} from '../../dist/index.js'
import { assertConserved, FakeClock, MemoryHost } from '../../dist/testing/index.js'
import { addressesOf, udpFrame } from './frame.mjs'
import { LeanHost } from './host.mjs'

const SENT = '198.18.0.1.198.18.0.2'
const FLIPPED = '198.18.1.1.198.18.1.2'

/** The least that flips and delivers: a device that is its own far end, without rings, board or interrupts. */
const smallest = defineDriver({
  name: 'smallest',
  description: 'flips and delivers',
  params: {},
  init(_, { net, txqs, rxqs }) {
    const setup = dev => {
      etherSetup(dev)
      ethHwAddrRandom(dev, net.random)
      dev.netdevOps = {
        ndoStartXmit(skb) {
          const reason = flipNetwork(skb)
          if (reason === 0) netifRx(skb)
          else skb.drop(reason)
          return NETDEV_TX_OK
        },
      }
    }
    return [{ dev: allocNetdevMqs({ name: 'flip%d', setup, txqs, rxqs, priv: undefined }) }]
  },
})

/** A driver, its options, and the addresses of a frame that has come through it. */
const WAYS = [
  { name: 'flip_deliver', title: 'flip and deliver: the smallest driver', driver: smallest, expected: FLIPPED },
  {
    name: 'snull',
    title: 'snull: 64-byte frames flipped and delivered',
    driver: snull,
    args: ['sn0', 'sn1'],
    expected: FLIPPED,
  },
  {
    name: 'snull_napi',
    title: 'snull --use-napi: the same by polling',
    driver: snull,
    args: ['sn0', 'sn1'],
    params: { useNapi: true },
    expected: FLIPPED,
  },
  { name: 'loop', title: 'loop, one queue: flipped and delivered', driver: loop, queues: 1, expected: FLIPPED },
  { name: 'loop_4', title: 'loop, 4 queues: flipped and delivered', driver: loop, queues: 4, expected: FLIPPED },
  {
    name: 'wire_direct',
    title: 'cable, wire direct: 64-byte frames delivered',
    driver: cable,
    args: ['a', 'b'],
    expected: SENT,
  },
  {
    name: 'wire_filtered',
    title: 'cable --rx-filter, wire filtered: delivered',
    driver: cable,
    args: ['a', 'b'],
    params: { rxFilter: true },
    expected: SENT,
  },
]

/** Every way; `open()` gives what sends so many frames through, and answers how many came. */
export const deliveries = WAYS.map(way => ({ name: way.name, title: way.title, open: () => open(way) }))

async function open(way) {
  await tryOnce(way)
  const { net, devices, frame } = await start(way, new LeanHost())
  const [from, to] = [devices[0].port.queues, devices.at(-1).port.queues]
  let turn = 0
  return times => {
    const before = taken(to)
    // A queue each time, so that none of several is left out.
    from[turn++ % from.length].send(frame, times)
    net.flush()
    assertConserved(net)
    const delivered = taken(to) - before
    if (delivered !== times) throw new Error(`${way.name}: ${times} frames sent, ${delivered} delivered`)
    return delivered
  }
}

/** With a host that keeps what it gets: one frame comes through, as it should be. */
async function tryOnce(way) {
  const host = new MemoryHost()
  const { net, devices, frame } = await start(way, host)
  const [from, to] = [host.port(devices[0].name), host.port(devices.at(-1).name)]
  from.transmit(frame)
  from.drain()
  net.flush()
  const addresses = to.received.length === 1 ? addressesOf(to.received[0].bytes) : `${to.received.length} frames`
  if (addresses !== way.expected) throw new Error(`${way.name} made ${addresses} of a frame`)
}

/** The driver's devices, registered and up, and a frame addressed to the last of them. */
async function start({ driver, args = [], params = {}, queues = 1 }, host) {
  const net = new Net({ host, clock: new FakeClock(), log: new Log(LOGLEVEL_ERR, (_, text) => console.error(text)) })
  const context = { args, names: [], net, txqs: queues, rxqs: Math.min(queues, 2) }
  const devices = driver.init({ ...defaultParams(driver.params), ...params }, context).map(({ dev }) => dev)
  for (const dev of devices) {
    await registerNetdev(dev, net)
    await dev.port.apply({ up: true })
  }
  return { net, devices, frame: udpFrame([...devices.at(-1).devAddr]) }
}

function taken(queues) {
  return queues.reduce((sum, queue) => sum + queue.taken, 0)
}
