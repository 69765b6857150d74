/**
 * GRO and a queue's lifetime: whatever ends a poll, or the device, every segment is delivered or
 * freed.
 */
import { describe, expect, test } from 'vitest'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { NETIF_F_ALL_TAP, NETIF_F_GRO } from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose, devOpen, netifRx } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { addDevice, memoryNets, turn } from '#support/memory-net.ts'
import { buildFrame, type Packet, plain } from '../packet/frames.ts'

const makeNet = memoryNets()
const PAYLOAD = 1000
const HEADERS = 54
const QUEUES = 2

const segments = Array.from({ length: 128 }, (_, i) => {
  const packet = { ...plain, kind: 'tcp', identification: i, sequence: PAYLOAD * i, flags: 0x10 }
  const payload = new Array<number>(PAYLOAD).fill(i)
  return Uint8Array.from(
    buildFrame({ packet: { ...packet, payload } as Packet, tags: [], padding: [] }),
  )
})

/** A device that is its own far end; `then(n)` is done when the n-th frame was handed on. */
async function reflecting(then: (n: number, dev: NetDevice) => void = () => {}) {
  const memory = makeNet()
  let n = 0
  const { dev, port } = await addDevice(
    memory,
    {
      ndoStartXmit(skb, dev) {
        netifRx(skb)
        then(++n, dev)
      },
    },
    { features: NETIF_F_ALL_TAP | NETIF_F_GRO, txqs: QUEUES, rxqs: QUEUES },
  )
  return { memory, dev, port }
}

function send(port: MemoryPort, count: number, queue = 0): void {
  for (const segment of segments.slice(0, count)) {
    port.transmit(segment, queue)
  }
  port.drain()
}

/** Segments that the kernel has, in however many frames. */
const received = (port: MemoryPort) =>
  port.received.reduce((sum, { bytes }) => sum + (bytes.length - HEADERS) / PAYLOAD, 0)

test.each([1, 2, 15, 16, 17, 32, 48, 63, 64, 65, 80, 128])(
  'of %i segments none is left in the queue when the polls are over',
  async n => {
    const { memory, dev, port } = await reflecting()
    send(port, n)
    expect([received(port), dev.held]).toEqual([n, 0])
    memory.conserved()
  },
)

describe.each([2, 5, 16, 20, 33])('when, with the frame number %i,', at => {
  const once = (act: (dev: NetDevice) => void) => reflecting((n, dev) => n === at && act(dev))

  test('merged frames arrive although the driver stops the queue, and the rest after a wake', async () => {
    const { dev, port } = await once(dev => dev.tx[0]?.stop())
    send(port, 50)
    expect(received(port)).toBe(at)
    dev.tx[0]?.wake()
    port.drain()
    await turn()
    expect(received(port)).toBe(50)
  })

  test('all segments of a poll arrive although the driver throws', async () => {
    const { port } = await once(() => {
      throw new Error('after it was handed on')
    })
    send(port, 50)
    expect(received(port)).toBe(50)
  })

  test('merging restarts after the device went down and up', async () => {
    let down: Promise<void> | undefined
    const { dev, port, memory } = await once(dev => {
      down = devClose(dev)
    })
    send(port, 50)
    await down
    await devOpen(dev)
    send(port, 3)
    expect(port.received.at(-1)?.bytes.length).toBe(HEADERS + 3 * PAYLOAD)
    memory.conserved()
  })

  test('no frame remains when the device is unregistered during a poll', async () => {
    let gone: Promise<void> | undefined
    const { port, memory } = await once(dev => {
      gone = unregisterNetdev(dev)
    })
    send(port, 50)
    await gone
    expect(memory.pool.out).toBe(0)
  })
})

test('merged frames are counted on the queue they arrived on', async () => {
  const { dev, port } = await reflecting()
  send(port, 5, 1)
  expect([...dev.counters.groMerged]).toEqual([0, 4])
})
