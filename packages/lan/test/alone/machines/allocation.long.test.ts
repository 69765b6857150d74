import { expect, test } from 'vitest'
import { memoryNets, turn } from '#support/memory-net.ts'
import { address } from '../../../../../test/packet/frames.ts'
import { buildArp, buildNeighbour } from '../../../../../test/packet/neighbour.ts'
import { addLan, type LanNet, settle } from '../../lan-net.ts'
import {
  BROADCAST,
  CLIENT,
  CLIENT_MAC,
  CLIENT6,
  type End,
  GATEWAY,
  GATEWAY6,
  ping,
  tcp,
  udp,
} from '../../packets.ts'

const makeNet = memoryNets()
const gc = globalThis.gc as () => void
const FRAMES = 300_000
/** Half of the smallest object, in bytes. */
const LIMIT = 8
const WARM_UP = 100_000
const SLICE = 20_000

const arp = buildArp({
  to: BROADCAST,
  from: CLIENT_MAC,
  op: 1,
  sha: CLIENT_MAC,
  spa: CLIENT.ip,
  tha: [0, 0, 0, 0, 0, 0],
  tpa: GATEWAY.ip,
})
const solicitation = buildNeighbour({
  to: [0x33, 0x33, 0xff, 0, 0, 1],
  from: CLIENT_MAC,
  type: 135,
  source: CLIENT6.ip,
  target: GATEWAY6.ip,
  destination: address('ff02:0:0:0:0:1:ff00:1'),
  options: [1, 1, ...CLIENT_MAC],
})

/** A host with a handler. */
const SERVER: End = { mac: [2, 0x4c, 0x4e, 18, 0, 8], ip: address('198.18.0.8') }

const QUESTIONS: readonly [string, Uint8Array][] = [
  ['ARP requests', Uint8Array.from(arp)],
  ['neighbour solicitations', Uint8Array.from(solicitation)],
  ['pings', ping(GATEWAY)],
  ['pings of IPv6', ping(GATEWAY6)],
  ['datagrams to echo', udp(GATEWAY, 7, 'hello')],
  ['datagrams of IPv6 to echo', udp(GATEWAY6, 7, 'hello')],
  ['segments to a closed port', tcp(GATEWAY, 80, { flags: 2 })],
  ['segments of IPv6 to a closed port', tcp(GATEWAY6, 80, { flags: 2 })],
]

/** Passes a frame to the hosts of a lan, over and over, and returns the heap that each took. */
async function heapPerFrame(frame: Uint8Array, setUp: (net: LanNet) => void = () => {}) {
  const memory = makeNet({ poison: false })
  const net = await addLan(memory)
  setUp(net)
  let replies = 0
  net.port.onFrame = () => {
    replies++
  }
  const run = (times: number) => {
    net.port.queues[0]?.repeat(frame, times)
    net.port.drain()
  }
  run(WARM_UP)
  await turn()
  gc()
  let allocated = 0
  for (let left = FRAMES; left > 0; left -= SLICE) {
    const { heapUsed } = process.memoryUsage()
    run(SLICE)
    allocated += Math.max(0, process.memoryUsage().heapUsed - heapUsed)
  }
  settle(memory, net)
  return { allocated: allocated / FRAMES, replies, net }
}

test.each(QUESTIONS)(
  'hosts reply to %s without allocating for each',
  { timeout: 60_000 },
  async (_, frame) => {
    const { allocated, replies } = await heapPerFrame(frame)
    expect(replies).toBe(FRAMES + WARM_UP)
    expect(allocated).toBeLessThan(LIMIT)
  },
)

test('datagrams beyond the limit of a handler are counted without allocating for each', {
  timeout: 60_000,
}, async () => {
  const { allocated, replies, net } = await heapPerFrame(udp(SERVER, 53, 'hello'), lan => {
    lan.hosts.add({ ip: '198.18.0.8', on: { udp: { 53: () => {} } } })
    lan.hosts.handlers.limit(1, 53, () => false)
  })
  expect([replies, net.hosts.counters.refused]).toEqual([0, FRAMES + WARM_UP])
  expect(allocated).toBeLessThan(LIMIT)
})
