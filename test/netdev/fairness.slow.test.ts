import { expect, test } from 'vitest'
import type { MemoryPort, MemoryQueue } from '#src/bed/memory-port.ts'
import { netifRx } from '#src/netdev/netif.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4 } from '#src/skb/sk-buff.ts'
import { addDevice, memoryNets, numbered } from '#support/memory-net.ts'
import { buildFrame, type Packet, plain } from '../packet/frames.ts'

const makeNet = memoryNets()
const [frame] = numbered(1) as [Uint8Array]
/** More than can be handled in the time of a test. */
const ENDLESS = 1e12

function count(port: MemoryPort): () => number {
  let frames = 0
  port.onFrame = () => {
    frames++
  }
  return () => frames
}

test('an endless flood on one device starves no other device, timer or event loop', async () => {
  const memory = makeNet({ large: 64 })
  const flooded = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
  const other = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
  const [ofFlooded, ofOther] = [count(flooded.port), count(other.port)]
  ;(flooded.port.queues[0] as MemoryQueue).repeat(frame, ENDLESS)
  for (let i = 0; i < 500; i++) {
    other.port.transmit(frame)
  }
  await new Promise<void>(resolve => setTimeout(resolve, 1))
  let turns = 0
  while (ofOther() < 500) {
    await new Promise<void>(resolve => setImmediate(resolve))
    turns++
  }
  // Each turn gives both their budget of 64.
  expect(turns).toBeLessThanOrEqual(Math.ceil(500 / 64) + 1)
  expect(ofFlooded()).toBeGreaterThanOrEqual(500)
  memory.conserved()
})

test('a flooded device with slow frames gives other devices their turn after 200 us', async () => {
  const memory = makeNet({ large: 64 })
  const { clock } = memory
  const turns = { flooded: [] as number[], other: 0 }
  const flooded = await addDevice(memory, {
    ndoStartXmit(skb) {
      clock.advance(10_000)
      turns.flooded[turns.flooded.length - 1] += 10_000
      return netifRx(skb)
    },
  })
  const other = await addDevice(memory, {
    ndoStartXmit(skb) {
      turns.other++
      turns.flooded.push(0)
      return netifRx(skb)
    },
  })
  turns.flooded.push(0)
  ;(flooded.port.queues[0] as MemoryQueue).repeat(frame, ENDLESS)
  const received = count(other.port)
  for (let turn = 1; turn <= 20; turn++) {
    other.port.transmit(frame)
    await new Promise<void>(resolve => setImmediate(resolve))
    expect(received()).toBe(turn)
  }
  // 100 us after the first batch end within the second batch of 16 frames.
  expect(Math.max(...turns.flooded)).toBe(2 * 16 * 10_000)
})

test('every queue of a flooded device gets its turn', async () => {
  const memory = makeNet({ large: 64 })
  const { port } = await addDevice(
    memory,
    { ndoStartXmit: skb => netifRx(skb) },
    { txqs: 3, rxqs: 3 },
  )
  const frames = [0, 0, 0]
  port.onFrame = skb => {
    frames[skb.queueMapping] = (frames[skb.queueMapping] ?? 0) + 1
  }
  for (const queue of port.queues) {
    queue.repeat(frame, ENDLESS)
  }
  for (let i = 0; i < 20; i++) {
    await new Promise<void>(resolve => setImmediate(resolve))
  }
  const [least, most] = [Math.min(...frames), Math.max(...frames)]
  expect(least).toBeGreaterThanOrEqual(10 * 64)
  expect(most - least).toBeLessThanOrEqual(64)
})

test('a flooded device can be stopped', async () => {
  const memory = makeNet({ large: 64 })
  const { dev, port } = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
  const received = count(port)
  ;(port.queues[0] as MemoryQueue).repeat(frame, ENDLESS)
  await new Promise<void>(resolve => setImmediate(resolve))
  await dev.port?.apply({ up: false })
  const before = received()
  for (let i = 0; i < 3; i++) {
    await new Promise<void>(resolve => setImmediate(resolve))
  }
  expect(received()).toBe(before)
})

test('after frames that are cut into hundreds of segments, a poll handles only one', async () => {
  const memory = makeNet({ large: 64, small: 4096 })
  const { port } = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
  const segments = count(port)
  const packet: Packet = {
    ...plain,
    kind: 'tcp',
    payload: new Array(60_000).fill(1),
    checksum: 'partial',
  }
  const bytes = buildFrame({ packet, tags: [], padding: [] })
  const info = {
    ipSummed: CHECKSUM_PARTIAL,
    csumStart: 34,
    csumOffset: 16,
    gsoSize: 100,
    gsoType: SKB_GSO_TCPV4,
  }
  const [frames, each] = [40, 600]
  for (let i = 0; i < frames; i++) {
    port.transmit(bytes, 0, info)
  }
  const turns: number[] = []
  while (segments() < frames * each) {
    const before = segments()
    await new Promise<void>(resolve => setImmediate(resolve))
    if (segments() > before) {
      turns.push((segments() - before) / each)
    }
  }
  // The cost of a frame is known after the first batch.
  expect(turns).toEqual([16, ...new Array(frames - 16).fill(1)])
  memory.conserved()
})

test('a poll cuts two batches of frames with the usual 45 segments', async () => {
  const memory = makeNet({ large: 64, small: 4096 })
  const { port } = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
  const segments = count(port)
  const packet: Packet = {
    ...plain,
    kind: 'tcp',
    payload: new Array(45 * 1448).fill(1),
    checksum: 'partial',
  }
  const bytes = buildFrame({ packet, tags: [], padding: [] })
  const info = {
    ipSummed: CHECKSUM_PARTIAL,
    csumStart: 34,
    csumOffset: 16,
    gsoSize: 1448,
    gsoType: SKB_GSO_TCPV4,
  }
  for (let i = 0; i < 40; i++) {
    port.transmit(bytes, 0, info)
  }
  await new Promise<void>(resolve => setImmediate(resolve))
  expect(segments()).toBe(32 * 45)
})
