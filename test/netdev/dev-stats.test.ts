/** Resetting statistics: vnet's, the kernel's, and the driver's additions. */
import { expect, test } from 'vitest'
import { Counters } from '#src/netdev/counters.ts'
import { RX_COMPRESSED, TX_DROPPED, TX_PACKETS } from '#src/netdev/stats.ts'
import { addDevice, memoryNets, numbered } from '#support/memory-net.ts'

const memoryNet = memoryNets()

async function device(ndoGetStats64?: (dev: unknown, stats: Float64Array) => void) {
  const memory = memoryNet()
  const { dev, port } = await addDevice(memory, ndoGetStats64 ? { ndoGetStats64 } : {}, { txqs: 2 })
  function send(count: number): void {
    for (const [i, octets] of numbered(count).entries()) {
      port.transmit(octets, i % 2)
    }
    port.drain()
  }
  return { ...memory, dev, send }
}

test('a reset sets every counter to zero, and frames are still conserved', async () => {
  const { dev, send, conserved } = await device()
  send(5)
  Object.assign(dev.tx[0]!, { requeues: 2, transTimeout: 1 })
  dev.resetStats()
  expect([...dev.getStats64()]).toEqual(new Array(25).fill(0))
  expect([...dev.kernelStats()!]).toEqual(new Array(25).fill(0))
  const { tx, rx } = dev.counters.drops()
  expect([...tx, ...rx].filter(n => n !== 0)).toEqual([])
  expect([dev.tx[0]!.requeues, dev.tx[0]!.transTimeout]).toEqual([0, 0])
  expect(conserved()).toEqual({ in: 5, made: 0, out: 0, dropped: 5, held: 0 })
  send(3)
  expect([
    dev.getStats64()[TX_PACKETS],
    dev.getStats64()[TX_DROPPED],
    dev.kernelStats()![TX_PACKETS],
  ]).toEqual([3, 3, 3])
  dev.resetStats()
  expect(conserved()).toEqual({ in: 8, made: 0, out: 0, dropped: 8, held: 0 })
})

test('a reset clears each array of counters', () => {
  const counters = new Counters(2, 1)
  const arrays = Object.values(counters).filter(value => value instanceof Float64Array)
  for (const array of arrays) {
    array.fill(1)
  }
  counters.reset()
  expect(arrays.length).toBeGreaterThan(2)
  expect(arrays.flatMap(array => [...array]).filter(n => n !== 0)).toEqual([])
})

test('the kernel’s counters are read after a reset has returned, before the next frame, once for two resets', async () => {
  const { dev, send } = await device()
  send(4)
  const { port } = dev
  let asked = 0
  const kernelStats = port!.kernelStats.bind(port)
  port!.kernelStats = () => {
    asked++
    return kernelStats()
  }
  dev.resetStats()
  dev.resetStats()
  expect(asked).toBe(0)
  await undefined
  expect(asked).toBe(1)
  send(2)
  expect(dev.kernelStats()![TX_PACKETS]).toBe(2)
})

test('a reset also sets the counters of ndoGetStats64 to zero', async () => {
  let compressed = 10
  const { dev } = await device((_, stats) => {
    stats[RX_COMPRESSED] += compressed
  })
  expect(dev.getStats64()[RX_COMPRESSED]).toBe(10)
  dev.resetStats()
  compressed = 14
  expect(dev.getStats64()[RX_COMPRESSED]).toBe(4)
})

test('a frame held over a reset counts as in before it, and as out or dropped after it', async () => {
  const memory = memoryNet()
  const held: { drop(): void }[] = []
  const { dev, port } = await addDevice(memory, { ndoStartXmit: skb => void held.push(skb) })
  port.transmit(numbered(1)[0]!)
  port.drain()
  dev.resetStats()
  expect(memory.conserved()).toMatchObject({ in: 1, held: 1 })
  for (const skb of held) {
    skb.drop()
  }
  expect(memory.conserved()).toMatchObject({ in: 1, dropped: 1, held: 0 })
})
