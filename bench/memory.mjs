/**
 * What vnet does in memory, no kernel in the way: `memory.mjs [ROUNDS [SECONDS]]`, in a process of its own. Prints JSON:
 * how often a second each thing was done, over rounds that take turns. SECONDS is that of the bench, a quarter of which
 * goes to each figure here.
 */
import { checksumUpdate, onesComplementSum } from '../dist/header/checksum.js'
import {
  defaultParams,
  flipNetwork,
  LOGLEVEL_ERR,
  Log,
  Net,
  Ring,
  registerNetdev,
  SkBuffPool,
  snull,
} from '../dist/index.js'
import { assertConserved, FakeClock, MemoryHost } from '../dist/testing/index.js'
import { median } from './report.mjs'

/** Frames or operations between two looks at the clock. */
const BURST = 10_000
const MAC_LENGTH = 6
const ETHERTYPE = 12
const NETWORK = 14
const TRANSPORT = 34
/** Without the frame check sequence, which nobody here sees. */
const FRAME = 60

/** 64 octets on a wire: UDP from 198.18.0.1 to 198.18.0.2, every checksum right. */
function udpFrame() {
  const bytes = new Uint8Array(FRAME)
  const view = new DataView(bytes.buffer)
  bytes.set([2, 0, 0, 0, 0, 2], 0)
  bytes.set([2, 0, 0, 0, 0, 1], MAC_LENGTH)
  view.setUint16(ETHERTYPE, 0x0800)
  bytes.set([0x45, 0, 0, FRAME - NETWORK, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2], NETWORK)
  view.setUint16(NETWORK + 10, ~onesComplementSum(bytes, NETWORK, 20))
  view.setUint16(TRANSPORT, 9)
  view.setUint16(TRANSPORT + 2, 9)
  view.setUint16(TRANSPORT + 4, FRAME - TRANSPORT)
  view.setUint16(TRANSPORT + 6, ~transportSum(bytes))
  return bytes
}

/** The sum over UDP and its pseudo-header: 0xffff when the checksum in it is right. */
function transportSum(bytes) {
  const length = FRAME - TRANSPORT
  return onesComplementSum(bytes, TRANSPORT, length, onesComplementSum(bytes, NETWORK + 12, 8, 17 + length))
}

/** The snull driver between two ports in memory: what the host sends on sn0 it receives on sn1, flipped. */
async function openSnull() {
  const host = new MemoryHost()
  const net = new Net({ host, clock: new FakeClock(), log: new Log(LOGLEVEL_ERR, (_, text) => console.error(text)) })
  const context = { args: [], names: [], net, txqs: undefined, rxqs: undefined }
  for (const { dev } of snull.init(defaultParams(snull.params), context)) {
    await registerNetdev(dev, net)
    await dev.port.apply({ up: true })
  }
  const [sn0, sn1] = [host.port('sn0'), host.port('sn1')]
  const frame = udpFrame()

  sn0.transmit(frame)
  sn0.drain()
  const [flipped] = sn1.received.splice(0)
  const addresses = flipped?.bytes.subarray(NETWORK + 12, NETWORK + 20).join('.')
  const right = onesComplementSum(flipped.bytes, NETWORK, 20) === 0xffff && transportSum(flipped.bytes) === 0xffff
  if (addresses !== '198.18.1.1.198.18.1.2' || !right) throw new Error(`snull made ${addresses} of a frame`)

  let delivered = 0
  sn1.onFrame = () => {
    delivered++
  }
  return times => {
    const before = delivered
    sn0.queues[0].repeat(frame, times)
    sn0.drain()
    assertConserved(net)
    if (delivered - before !== times) throw new Error(`${times} frames sent, ${delivered - before} delivered`)
    return delivered
  }
}

/** Every figure: its title, and what does it so many times. What that answers is used, so that no work is left out. */
async function figures() {
  const pool = new SkBuffPool({ large: 64, small: 64 })
  const ring = new Ring(64)
  while (ring.length < 32) ring.push(pool.alloc(FRAME))
  const frame = pool.alloc(FRAME)
  frame.bytes.set(udpFrame(), frame.put(FRAME))
  const octets = new Uint8Array(1500).map((_, i) => i * 7)
  const view = new DataView(octets.buffer)
  return [
    { name: 'snull', title: 'snull: 64-byte frames flipped and delivered', work: await openSnull() },
    {
      name: 'flip',
      title: 'flip of one frame, checksums kept right',
      work(times) {
        let sum = 0
        for (let i = 0; i < times; i++) sum += flipNetwork(frame)
        return sum
      },
    },
    {
      name: 'pool',
      title: 'pool: alloc and free',
      work(times) {
        for (let i = 0; i < times; i++) pool.alloc(FRAME).free()
        return pool.out
      },
    },
    {
      name: 'ring',
      title: 'ring: push and shift',
      work(times) {
        for (let i = 0; i < times; i++) ring.push(ring.shift())
        return ring.length
      },
    },
    {
      name: 'checksum',
      title: 'checksum of 1,500 octets',
      work(times) {
        let sum = 0
        for (let i = 0; i < times; i++) sum = onesComplementSum(octets, 0, octets.length, sum, view)
        return sum
      },
    },
    {
      name: 'checksum_update',
      title: 'checksum: incremental update of a word',
      work(times) {
        let checksum = 0x1234
        for (let i = 0; i < times; i++) checksum = checksumUpdate(checksum, i & 0xffff, (i >>> 3) & 0xffff)
        return checksum
      },
    },
  ]
}

function perSecond(work, seconds) {
  const start = performance.now()
  let times = 0
  let elapsed = 0
  for (let used = 0; elapsed < seconds; elapsed = (performance.now() - start) / 1000) {
    used += work(BURST)
    if (Number.isNaN(used)) throw new Error('a figure lost count')
    times += BURST
  }
  return times / elapsed
}

const [rounds, seconds] = [process.argv[2] ?? 3, process.argv[3] ?? 2].map(Number)
const results = (await figures()).map(figure => ({ ...figure, rates: [] }))
for (const { work } of results) perSecond(work, seconds / 4) // compiles it
for (let round = 0; round < rounds; round++) {
  for (const { work, rates } of results) rates.push(perSecond(work, seconds / 4))
}
const summary = results.map(({ name, title, rates }) => {
  return { name, title, perSecond: { median: median(rates), min: Math.min(...rates), max: Math.max(...rates) }, rates }
})
console.log(JSON.stringify({ results: summary }))
