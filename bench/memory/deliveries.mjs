/**
 * The whole way of a frame: the kernel sends it on one device and receives it on another, through a
 * driver and a wire.
 */

import { assertConserved, MemoryPlatform } from '../../dist/bed/index.js'
import { Capture } from '../../dist/capture/capture.js'
import { cable, e1000, flipNetwork, loop, snull } from '../../dist/drivers/index.js'
import {
  allocNetdevMqs,
  defaultParams,
  defineDriver,
  etherSetup,
  ethHwAddrRandom,
  NETDEV_TX_OK,
  netifRx,
} from '../../dist/index.js'
import { LOGLEVEL_ERR, Log, Net, registerNetdev } from '../../dist/net.js'
import { addressesOf, udpFrame } from './frame.mjs'
import { LeanClock, LeanPlatform } from './platform.mjs'

const SENT = '198.18.0.1.198.18.0.2'
const FLIPPED = '198.18.1.1.198.18.1.2'

/**
 * The minimum that flips and delivers: a device that is its own far end, without rings, board or
 * interrupts.
 */
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
          if (reason === 0) {
            netifRx(skb)
          } else {
            skb.drop(reason)
          }
          return NETDEV_TX_OK
        },
      }
    }
    return [{ dev: allocNetdevMqs({ name: 'flip%d', setup, txqs, rxqs, priv: undefined }) }]
  },
})

/** Descriptors in each ring of e1000. */
const RING = 256

/**
 * A driver, its options, the frames that it always has as buffers, and the addresses of a frame
 * that has come through it.
 */
const WAYS = [
  {
    name: 'flip_deliver',
    title: 'flip and deliver: the smallest driver',
    driver: smallest,
    expected: FLIPPED,
  },
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
  {
    name: 'loop',
    title: 'loop, one queue: flipped and delivered',
    driver: loop,
    queues: 1,
    expected: FLIPPED,
  },
  {
    name: 'loop_4',
    title: 'loop, 4 queues: flipped and delivered',
    driver: loop,
    queues: 4,
    expected: FLIPPED,
  },
  {
    name: 'e1000',
    title: 'e1000: 64-byte frames through the rings of two cards',
    driver: e1000,
    args: ['a', 'b'],
    params: { ringSize: RING },
    buffers: 2 * (RING - 1),
    expected: SENT,
  },
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
  {
    name: 'captured',
    title: 'cable, captured at both ends, 128 bytes of each frame: delivered',
    driver: cable,
    args: ['a', 'b'],
    captured: true,
    expected: SENT,
  },
  wired('wire_delay', 'cable --wire, delay', 'delay 100us limit 1000'),
  wired('wire_loss', 'cable --wire, loss', 'loss 0%'),
  wired('wire_rate', 'cable --wire, rate', 'rate 10gbit'),
  wired('wire_codel', 'cable --wire, rate with codel', 'rate 10gbit codel'),
  wired('wire_fq_codel', 'cable --wire, rate with fq_codel', 'rate 10gbit fq_codel'),
  wired('wire_pie', 'cable --wire, rate with pie', 'rate 10gbit pie'),
  wired('wire_dualpi2', 'cable --wire, rate with dualpi2', 'rate 10gbit dualpi2'),
  wired('wire_policer', 'cable --wire, policer', 'policer 100gbit burst 10mb'),
  wired('wire_match', 'cable --wire, match flow', 'match flow 50% ( loss 0% )'),
  wired(
    'wire_chain',
    'cable --wire, five stages',
    'loss 0% duplicate 0% corrupt 0% rate 10gbit delay 100us',
  ),
]

/** The words draw and decide for every frame, and let all of them pass. */
function wired(name, title, words) {
  return {
    name,
    title: `${title}: delivered`,
    driver: cable,
    args: ['a', 'b'],
    params: { wire: words },
    expected: SENT,
  }
}

/** Frames in flight, and the time after which the last has left the slowest wire. */
const IN_FLIGHT = 64
const LATEST = 1_000_000

/**
 * Every way. `open()` returns a function that sends a number of frames through, and returns how
 * many arrived.
 */
export const deliveries = WAYS.map(way => ({
  name: way.name,
  title: way.title,
  open: () => open(way),
}))

async function open(way) {
  await tryOnce(way)
  const { net, clock, devices, frame } = await start(way, new LeanPlatform())
  const [from, to] = [devices[0].port.queues, devices.at(-1).port.queues]
  let turn = 0
  return times => {
    const before = taken(to)
    // A different queue each time, so that all of them are used.
    const queue = from[turn++ % from.length]
    for (let left = times; left > 0; left -= IN_FLIGHT) {
      queue.send(frame, Math.min(left, IN_FLIGHT))
      net.flush()
      if (way.params?.wire === undefined) continue
      clock.advance(LATEST)
      net.flush()
    }
    assertConserved(net, net.devices, way.buffers)
    const delivered = taken(to) - before
    if (delivered !== times) {
      throw new Error(`${way.name}: ${times} frames sent, ${delivered} delivered`)
    }
    return delivered
  }
}

/**
 * Returns a function that has a wire hold so many frames, all sent at the same time, and then
 * delivers all. `wire` delays frames by less than a minute.
 */
export async function inFlight(wire, frames) {
  const { net, clock, devices, frame } = await start(wired('held', '', wire), new LeanPlatform())
  const [from, to] = devices.map(({ port }) => port.queues[0])
  return () => {
    for (let left = frames; left > 0; left -= IN_FLIGHT) {
      from.send(frame, Math.min(left, IN_FLIGHT))
      net.flush()
    }
    if (to.taken > 0) throw new Error(`${wire}: ${to.taken} frames were not held`)
    clock.advance(60e9)
    net.flush()
    assertConserved(net)
    if (to.taken !== frames) {
      throw new Error(`${wire}: ${frames} frames sent, ${to.taken} delivered`)
    }
  }
}

/** Checks, with a platform that keeps what it receives, that one frame arrives as expected. */
async function tryOnce(way) {
  const platform = new MemoryPlatform()
  const { net, clock, devices, frame } = await start(way, platform)
  const [from, to] = [platform.port(devices[0].name), platform.port(devices.at(-1).name)]
  from.transmit(frame)
  from.drain()
  net.flush()
  clock.advance(LATEST)
  net.flush()
  const addresses =
    to.received.length === 1 ? addressesOf(to.received[0].bytes) : `${to.received.length} frames`
  if (addresses !== way.expected) throw new Error(`${way.name} made ${addresses} of a frame`)
}

/** Returns the driver's devices, registered and up, and a frame addressed to the last of them. */
async function start({ driver, args = [], params = {}, queues = 1, captured = false }, platform) {
  const clock = new LeanClock()
  const net = new Net({
    platform,
    clock,
    log: new Log(LOGLEVEL_ERR, (_, text) => console.error(text)),
  })
  const context = { args, names: [], net, txqs: queues, rxqs: Math.min(queues, 2) }
  const devices = driver
    .init({ ...defaultParams(driver.params), ...params }, context)
    .map(({ dev }) => dev)
  for (const dev of devices) {
    await registerNetdev(dev, net)
    await dev.port.apply({ up: true })
  }
  if (captured) {
    capture(net)
  }
  return { net, clock, devices, frame: udpFrame([...devices.at(-1).devAddr]) }
}

/** Captures all devices, and discards the blocks. */
function capture(net) {
  const onData = () => {
    for (let view = capture.peek(); view.length > 0; view = capture.peek()) {
      capture.consume(view.length)
    }
  }
  const wallTime = () => ({ seconds: 0, nanoseconds: 0 })
  const capture = new Capture({ net, wallTime, onData, snaplen: 128 })
  capture.follow()
}

function taken(queues) {
  return queues.reduce((sum, queue) => sum + queue.taken, 0)
}
