import { afterEach, describe, expect, test, vi } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { type MemoryPort, MemoryQueue } from '#src/bed/memory-port.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { netifRx } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { RX_DROPPED, RX_PACKETS } from '#src/netdev/stats.ts'
import {
  SKB_DROP_REASON_CPU_BACKLOG,
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
} from '#src/skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '#src/skb/sk-buff.ts'
import {
  addDevice,
  freshNet,
  type MemoryNet,
  makeDevice,
  memoryNets,
  numbered,
  numberOf,
  sendAll,
  turn,
} from '#support/memory-net.ts'

const makeNet = memoryNets()
const memory = freshNet()

afterEach(() => {
  vi.restoreAllMocks()
})

/** A frame that a driver makes itself, for the kernel by `dev`. */
function make(memory: MemoryNet, dev: NetDevice, number: number, queue = 0): SkBuff {
  const skb = memory.pool.alloc(60) as SkBuff
  skb.bytes.set(numbered(1, number)[0] as Uint8Array, skb.put(60))
  skb.dev = dev
  skb.queueMapping = queue
  memory.made++
  return skb
}

const numbers = (port: MemoryPort): number[] => port.received.map(numberOf)
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('frames received in a poll', () => {
  test('frames received in a poll are written with one call per batch and queue', async () => {
    const { port } = await addDevice(
      memory,
      { ndoStartXmit: skb => netifRx(skb) },
      { txqs: 2, rxqs: 2 },
    )
    const submit = vi.spyOn(MemoryQueue.prototype, 'submit')
    for (const octets of numbered(16)) {
      port.transmit(octets, 1)
    }
    port.drain()
    expect([submit.mock.results.map(({ value }) => value), numbers(port)]).toEqual([[16], upTo(16)])
    expect(port.received.every(({ queue }) => queue === 1)).toBe(true)
  })

  test('frames received by several devices are all written at the end of the poll', async () => {
    const a = await addDevice(memory)
    const b = await addDevice(memory)
    const from = await addDevice(memory, {
      ndoStartXmit: skb => {
        skb.dev = numberOf(skb) % 2 === 0 ? a.dev : b.dev
        netifRx(skb)
      },
    })
    sendAll(from.port, ...numbered(6))
    expect([numbers(a.port), numbers(b.port)]).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ])
  })
})

describe('a frame received outside a poll', () => {
  test('a frame received outside a poll is flushed soon, together with later ones', async () => {
    const { dev, port } = await addDevice(memory)
    const submit = vi.spyOn(MemoryQueue.prototype, 'submit')
    for (let i = 0; i < 3; i++) {
      netifRx(make(memory, dev, i))
    }
    expect([submit.mock.calls.length, dev.held]).toEqual([0, 3])
    await Promise.resolve()
    expect([submit.mock.calls.length, numbers(port), dev.held]).toEqual([1, [0, 1, 2], 0])
    netifRx(make(memory, dev, 3))
    await Promise.resolve()
    expect(numbers(port)).toEqual([0, 1, 2, 3])
  })

  test('a frame received after a poll or a wake is flushed', async () => {
    const { dev, port } = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
    sendAll(port, ...numbered(1, 0))
    netifRx(make(memory, dev, 1))
    await Promise.resolve()
    expect(numbers(port)).toEqual([0, 1])
    dev.tx[0]?.stop()
    dev.tx[0]?.wake()
    netifRx(make(memory, dev, 2))
    await Promise.resolve()
    expect(numbers(port)).toEqual([0, 1, 2])
  })

  test('a frame is written to the queue it came from, modulo the queues', async () => {
    const { dev, port } = await addDevice(memory, {}, { txqs: 2, rxqs: 2 })
    for (const queue of [0, 1, 2, 5]) {
      netifRx(make(memory, dev, queue, queue))
    }
    await turn()
    const byQueue = port.received.map(frame => [numberOf(frame), frame.queue])
    expect(byQueue.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
      [5, 1],
    ])
    expect([0, 1].map(q => dev.counters.queue(q)[RX_PACKETS])).toEqual([2, 2])
  })
})

describe('a host without room', () => {
  test('frames that the kernel has no room for remain in the ring and are tried again by an alarm', async () => {
    const { dev, port } = await addDevice(memory)
    port.room = 2
    for (let i = 0; i < 5; i++) {
      netifRx(make(memory, dev, i))
    }
    await turn()
    expect([numbers(port), dev.held]).toEqual([[0, 1], 3])
    memory.conserved()
    port.room = 1
    memory.clock.advance(NSEC_PER_MSEC - 1)
    await turn()
    expect(numbers(port)).toEqual([0, 1])
    memory.clock.advance(1)
    await turn()
    expect(numbers(port)).toEqual([0, 1, 2])
    port.room = Number.POSITIVE_INFINITY
    memory.clock.advance(NSEC_PER_MSEC)
    await turn()
    expect([numbers(port), dev.held]).toEqual([upTo(5), 0])
    const submit = vi.spyOn(MemoryQueue.prototype, 'submit')
    memory.clock.advance(NSEC_PER_SEC)
    await turn()
    expect(submit).not.toHaveBeenCalled()
  })

  test('frames that the kernel did not take remain ahead of later ones', async () => {
    const { dev, port } = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
    port.room = 0
    netifRx(make(memory, dev, 0))
    await turn()
    port.room = Number.POSITIVE_INFINITY
    sendAll(port, ...numbered(1, 1))
    expect(numbers(port)).toEqual([0, 1])
  })

  test('frames are dropped on the receive side if the kernel takes none for a whole ring', async () => {
    const memory = makeNet({ small: 400 })
    const { dev, port } = await addDevice(memory)
    port.room = 0
    for (let i = 0; i < 300; i++) {
      netifRx(make(memory, dev, i))
    }
    const { rx, tx } = dev.counters.drops()
    expect([dev.held, rx[SKB_DROP_REASON_CPU_BACKLOG], tx.some(n => n > 0)]).toEqual([
      256,
      44,
      false,
    ])
    expect(dev.counters.sum()[RX_DROPPED]).toBe(44)
    memory.conserved()
    port.room = Number.POSITIVE_INFINITY
    memory.clock.advance(NSEC_PER_MSEC)
    await turn()
    expect(port.received.length).toBe(256)
  })
})

test('a ring that fills during a poll is flushed immediately', async () => {
  const memory = makeNet({ small: 400 })
  const { dev, port } = await addDevice(memory)
  for (let i = 0; i < 300; i++) {
    netifRx(make(memory, dev, i & 0xff))
  }
  expect(port.received.length).toBe(256)
  await turn()
  expect(port.received.length).toBe(300)
})

describe('frames that the kernel cannot receive', () => {
  test('frames for the kernel are dropped on the receive side while the device is down', async () => {
    const { dev, port } = await addDevice(memory, {}, { down: true })
    netifRx(make(memory, dev, 0))
    await turn()
    expect([port.received.length, dev.counters.drops().rx[SKB_DROP_REASON_DEV_READY]]).toEqual([
      0, 1,
    ])
  })

  test('frames for the kernel are dropped when the device is unregistered, and no alarm remains', async () => {
    const { dev, port } = await addDevice(memory)
    port.room = 0
    for (let i = 0; i < 3; i++) {
      netifRx(make(memory, dev, i))
    }
    await turn()
    await unregisterNetdev(dev)
    expect([memory.pool.out, dev.counters.drops().rx[SKB_DROP_REASON_DEV_STOPPED]]).toEqual([0, 3])
    memory.clock.advance(NSEC_PER_SEC)
  })

  test('frames for the kernel are dropped on the receive side after the device was unregistered', async () => {
    const { dev } = await addDevice(memory)
    await unregisterNetdev(dev)
    netifRx(make(memory, dev, 0))
    expect([memory.pool.out, dev.counters.drops().rx[SKB_DROP_REASON_DEV_READY]]).toEqual([0, 1])
  })

  test.each([0, 8])(
    'a frame of GSO size %d without offloads is dropped on an unregistered device',
    gsoSize => {
      const dev = makeDevice()
      memory.devices.push(dev)
      const skb = make(memory, dev, 0)
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.gsoSize = gsoSize
      netifRx(skb)
      expect([memory.pool.out, dev.counters.drops().rx[SKB_DROP_REASON_DEV_READY]]).toEqual([0, 1])
    },
  )
})
