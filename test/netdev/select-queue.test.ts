/** ndoSelectQueue: the driver chooses the transmit queue of a frame, in place of the kernel. */
import { describe, expect, test } from 'vitest'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { netifRx } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import { TX_PACKETS } from '#src/netdev/stats.ts'
import { SKB_DROP_REASON_QDISC_DROP } from '#src/skb/drop-reason.ts'
import { addDevice, memoryNets, numbered, numberOf } from '#support/memory-net.ts'

const makeNet = memoryNets()
const QUEUES = 3

/** A device that loops frames back and records the queue and the number of each. */
async function selecting(ndoSelectQueue?: NetDeviceOps<unknown>['ndoSelectQueue']) {
  const memory = makeNet()
  const seen: [queue: number, number: number][] = []
  const ops: Partial<NetDeviceOps<unknown>> = {
    ndoStartXmit: (skb, dev) => {
      expect(dev.txq(skb).index).toBe(skb.queueMapping)
      seen.push([skb.queueMapping, numberOf(skb)])
      netifRx(skb)
    },
    ...(ndoSelectQueue === undefined ? {} : { ndoSelectQueue }),
  }
  const added = await addDevice(memory, ops, { txqs: QUEUES, rxqs: QUEUES })
  return { ...memory, ...added, seen }
}

function send(port: MemoryPort, count: number, queue = 0, first = 0): void {
  for (const octets of numbered(count, first)) {
    port.transmit(octets, queue)
  }
  port.drain()
}

describe('the queue a driver chooses', () => {
  test('a frame leaves and returns by the chosen queue, and is counted on the queue the kernel sent it to', async () => {
    const { dev, port, seen } = await selecting((_, skb) => numberOf(skb) % QUEUES)
    send(port, 6, 1)
    expect(seen).toEqual([0, 1, 2, 3, 4, 5].map(number => [number % QUEUES, number]))
    expect(port.received.map(frame => [frame.queue, numberOf(frame)]).sort()).toEqual([
      [0, 0],
      [0, 3],
      [1, 1],
      [1, 4],
      [2, 2],
      [2, 5],
    ])
    expect([0, 1, 2].map(q => dev.counters.queue(q)[TX_PACKETS])).toEqual([0, 6, 0])
  })

  test('ndoSelectQueue is called for every frame, with the device and the kernel’s queue', async () => {
    const calls: unknown[] = []
    const { dev, port } = await selecting((device, skb) => {
      calls.push([device === dev, skb.dev === dev, skb.queueMapping, numberOf(skb)])
      return 0
    })
    send(port, 2, 1)
    send(port, 1, 2, 7)
    expect(calls).toEqual([
      [true, true, 1, 0],
      [true, true, 1, 1],
      [true, true, 2, 7],
    ])
  })

  test.each([
    [3, 0],
    [7, 1],
    [-1, 0],
    [1.9, 1],
    [Number.NaN, 0],
    [0x1_0002, 2],
  ])('the choice %d selects queue %d of three', async (choice, queue) => {
    const { port, seen } = await selecting(() => choice)
    send(port, 1, 1)
    expect(seen).toEqual([[queue, 0]])
  })

  test('the kernel’s queue is used if ndoSelectQueue returns none', async () => {
    const { port, seen } = await selecting(() => undefined as unknown as number)
    send(port, 1, 2)
    expect(seen).toEqual([[2, 0]])
  })

  test('the kernel’s queue is used if ndoSelectQueue throws, and the error is logged with its place', async () => {
    const { port, seen, lines } = await selecting(() => {
      throw new Error('no hash')
    })
    send(port, 2, 2)
    expect(seen).toEqual([
      [2, 0],
      [2, 1],
    ])
    expect(lines.slice(1)).toEqual([
      expect.stringMatching(
        /^test0: ndoSelectQueue: Error: no hash \(at .*select-queue\.test\.ts:\d+:\d+\)+$/,
      ),
    ])
  })

  test('the kernel’s queue is used without ndoSelectQueue', async () => {
    const { port, seen } = await selecting()
    send(port, 1, 2)
    expect(seen).toEqual([[2, 0]])
  })
})

describe('a chosen queue that is stopped', () => {
  test('a stopped queue that is chosen holds its frames, in order, while others continue', async () => {
    const { dev, port, seen, conserved } = await selecting((_, skb) =>
      numberOf(skb) % 2 === 0 ? 2 : 0,
    )
    dev.tx[2]?.stop()
    send(port, 10)
    expect(seen).toEqual([1, 3, 5, 7, 9].map(number => [0, number]))
    expect([dev.tx[2]?.held, dev.tx[0]?.held, port.queues[0]?.paused]).toEqual([5, 0, false])
    expect(conserved()).toMatchObject({ held: 5, dropped: 0 })
    seen.length = 0
    send(port, 2, 1, 10)
    expect(seen).toEqual([[0, 11]])
    dev.tx[2]?.wake()
    expect(seen).toEqual([[0, 11], ...[0, 2, 4, 6, 8, 10].map(number => [2, number])])
  })

  test('a stopped queue that is chosen holds 32 frames; further ones are dropped and counted on it', async () => {
    const { dev, port, seen, conserved } = await selecting(() => 1)
    dev.tx[1]?.stop()
    send(port, 40)
    expect([dev.tx[1]?.held, dev.counters.drops().tx[SKB_DROP_REASON_QDISC_DROP]]).toEqual([32, 8])
    expect(conserved()).toMatchObject({ held: 32, dropped: 8 })
    dev.tx[1]?.wake()
    expect(seen.map(([, number]) => number)).toEqual(Array.from({ length: 32 }, (_, i) => i))
  })
})
