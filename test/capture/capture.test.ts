import { describe, expect, test } from 'vitest'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { Capture, type CaptureSetup } from '#src/capture/capture.ts'
import {
  FLAG_CHECKSUM_NOT_READY,
  FLAG_INBOUND,
  FLAG_OUTBOUND,
  FLAG_TCP_SEGMENTATION_OFFLOADED,
} from '#src/capture/packet.ts'
import { PcapngContent } from '#src/capture/pcapng-content.ts'
import type { CaptureRecord } from '#src/capture/record.ts'
import { driver as cableDriver } from '#src/drivers/cable.ts'
import type { DeviceWire } from '#src/netdev/device-wire.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose, netifRx, netifRxDrop } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { SKB_DROP_REASON_RX_CRC, SKB_DROP_REASON_WIRE_LOSS } from '#src/skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import { take as takeAll } from '#support/capture-bytes.ts'
import { recordsIn } from '#support/capture-records.ts'
import { addDevice, addDriver, freshNet, type MemoryNet, memoryNets } from '#support/memory-net.ts'
import { buildFrame, plain, plain6 } from '../packet/frames.ts'

const makeNet = memoryNets()
const memory = freshNet()
const START = { seconds: 1_700_000_000, nanoseconds: 999_999_000 }
const ID = 2 ** 40

/** A packet of the file. */
interface Seen {
  readonly side: number
  readonly ns: number
  readonly id: number | undefined
  readonly bytes: readonly number[]
  readonly comment?: string
}

/** Starts a capture of the devices. `read` ends it and returns the packets. */
function captureOf(
  { net }: MemoryNet,
  options: Partial<CaptureSetup> = {},
  wants?: (dev: NetDevice) => boolean,
) {
  const capture = new Capture({
    net,
    wallTime: () => START,
    onData: () => {},
    driver: 'test',
    // The usual 16 MiB would be zeroed in each test.
    bufferBytes: 1 << 19,
    ...options,
  })
  capture.follow(wants)
  const taken: Uint8Array[] = []
  function take(): void {
    for (let view = capture.peek(); view.length > 0; view = capture.peek()) {
      taken.push(view.slice())
      capture.consume(view.length)
    }
  }
  /** Ends the capture. */
  function file(): Uint8Array {
    capture.close()
    take()
    return Buffer.concat(taken)
  }
  return { capture, take, file, read: () => packets(file()) }
}

function packets(file: Uint8Array, each: (record: CaptureRecord) => void = () => {}): Seen[] {
  const seen: Seen[] = []
  for (const record of recordsIn(file)) {
    each(record)
    const ns = (record.seconds - START.seconds) * 1e9 + record.nanoseconds - START.nanoseconds
    const [comment] = record.comments
    const packet = {
      side: record.interfaceIndex,
      ns,
      id: record.packetId,
      bytes: [...record.frame],
    }
    seen.push({ ...packet, ...(comment !== undefined && { comment }) })
  }
  return seen
}

async function cable(params: { wire?: string; seed?: number } = {}) {
  const memory = makeNet()
  const { devices, ports } = await addDriver(memory, cableDriver, params, { args: ['a', 'b'] })
  const [a, b] = devices as [(typeof devices)[0], (typeof devices)[0]]
  const [portA, portB] = ports as [MemoryPort, MemoryPort]
  return { memory, a, b, portA, portB }
}

/** A frame of 60 bytes, all of them `n`. */
const frame = (n: number, length = 60) => new Uint8Array(length).fill(n)

function send(port: MemoryPort, ...frames: Uint8Array[]): void {
  for (const bytes of frames) {
    port.transmit(bytes)
  }
  port.drain()
}

/** Sends a GSO frame of three TCP segments. */
function sendGso(port: MemoryPort): void {
  const packet = {
    ...plain,
    kind: 'tcp',
    payload: new Array(3000).fill(1),
    checksum: 'partial',
  } as const
  const offload = { gsoSize: 1000, gsoType: SKB_GSO_TCPV4 }
  const info = { ipSummed: CHECKSUM_PARTIAL, csumStart: 34, csumOffset: 16, ...offload }
  port.transmit(buildFrame({ packet, tags: [], padding: [] }), 0, info)
  port.drain()
}

describe('a capture of a cable', () => {
  test('a capture of a cable records each frame where it is sent and where it arrives, with the same id', async () => {
    const { memory, portA, portB } = await cable()
    const { read } = captureOf(memory)
    memory.clock.advance(2500)
    send(portA, frame(1), frame(2))
    send(portB, frame(3))
    expect(read()).toEqual([
      { side: 0, ns: 2500, id: 1, bytes: [...frame(1)] },
      { side: 3, ns: 2500, id: 1, bytes: [...frame(1)] },
      { side: 0, ns: 2500, id: 2, bytes: [...frame(2)] },
      { side: 3, ns: 2500, id: 2, bytes: [...frame(2)] },
      { side: 2, ns: 2500, id: 2 * ID + 1, bytes: [...frame(3)] },
      { side: 1, ns: 2500, id: 2 * ID + 1, bytes: [...frame(3)] },
    ])
  })

  test('a capture records a delayed packet at the wire’s moments, however late the clock rings', async () => {
    const { memory, portA } = await cable({ wire: 'delay 10ms' })
    const { read } = captureOf(memory)
    memory.clock.advance(1_000_000)
    send(portA, frame(1))
    memory.clock.advance(50_000_000)
    expect(read().map(({ side, ns }) => `${side} ${ns}`)).toEqual(['0 1000000', '3 11000000'])
  })

  test('a capture records a frame that the wire drops once more, with the stage, the seed and the packet', async () => {
    const { memory, portA } = await cable({ wire: 'delay 1ms | loss every 2', seed: 7 })
    const { read } = captureOf(memory)
    send(portA, frame(1), frame(2))
    memory.clock.advance(2_000_000)
    expect(read()).toEqual([
      { side: 0, ns: 0, id: 1, bytes: [...frame(1)] },
      { side: 0, ns: 0, id: 2, bytes: [...frame(2)] },
      { side: 3, ns: 1_000_000, id: 1, bytes: [...frame(1)] },
      {
        side: 0,
        ns: 1_000_000,
        id: 2,
        bytes: [...frame(2)],
        comment: 'dropped: wire ab, stage 2 loss every 2 (seed 7, packet 2)',
      },
    ])
  })

  test('a capture names the bound of a stage that a packet exceeded', async () => {
    const { memory, portA } = await cable({ wire: 'delay 1ms limit 1', seed: 7 })
    const { file } = captureOf(memory)
    send(portA, frame(1), frame(2))
    memory.clock.advance(2_000_000)
    const seen: unknown[] = []
    packets(file(), ({ drop, comments }) => drop && seen.push([drop, ...comments]))
    const stage = {
      direction: 'ab',
      place: 1,
      kind: 'delay',
      text: 'delay 1ms limit 1',
      why: 'limit',
    }
    expect(seen).toEqual([
      [
        { reason: 'QDISC_OVERLIMIT', wire: { ...stage, seed: 7, packet: 2 } },
        'dropped: wire ab, stage 1 delay 1ms limit 1: limit (seed 7, packet 2)',
      ],
    ])
  })

  test('a capture cuts a text that is longer than an option, and then has no fields', async () => {
    const { memory, a } = await cable()
    const { file } = captureOf(memory)
    const stage = { place: 1, kind: 'match', text: 'x'.repeat(70_000), why: 'match' }
    const probe = Object.assign(a.frameProbe!, {
      cause: { direction: 'ab', ...stage, seed: 7, packet: 1 },
    })
    const skb = Object.assign(memory.net.pool.alloc(60)!, { packetId: 1 })
    probe.dropped(skb, SKB_DROP_REASON_WIRE_LOSS)
    skb.free()
    const seen: unknown[] = []
    packets(file(), ({ drop, comments: [comment = ''] }) =>
      seen.push([drop, Buffer.byteLength(comment)]),
    )
    expect(seen).toEqual([[undefined, 65_535]])
  })

  test('a capture records a frame that the wire made on arrival, with its own id and the wire’s time', async () => {
    const { memory, portA } = await cable({
      wire: 'delay 5ms limit 10 | mtu 1000 icmp | reset first 1',
    })
    // The alarm of the second packet rings 0.6 ms late.
    Object.assign(memory.net.clock, { slack: 1_000_000 })
    const { read } = captureOf(memory)
    const built = (kind: 'udp' | 'tcp', length: number) => {
      const packet = { ...plain6, kind, payload: new Array(length).fill(1) }
      return buildFrame({ packet, tags: [], padding: [] })
    }
    for (const bytes of [built('udp', 1200), built('udp', 1200), built('tcp', 10)]) {
      send(portA, bytes)
      memory.clock.advance(400_000)
    }
    memory.clock.advance(50_000_000)
    const MADE = 2 ** 39
    expect(
      read().map(({ side, ns, id, comment }) => [side, ns, id, comment?.split(',')[0]]),
    ).toEqual([
      [0, 0, 1, undefined],
      [0, 400_000, 2, undefined],
      [0, 800_000, 3, undefined],
      [1, 5_000_000, 2 * ID + MADE + 1, undefined],
      [0, 5_000_000, 1, 'dropped: wire ab'],
      [1, 5_400_000, 2 * ID + MADE + 3, undefined],
      [0, 5_400_000, 2, 'dropped: wire ab'],
      [3, 5_800_000, MADE + 5, undefined],
      [1, 5_800_000, 2 * ID + MADE + 7, undefined],
      [0, 5_800_000, 3, 'dropped: wire ab'],
    ])
  })

  test('a capture gives both copies of a duplicated packet its id', async () => {
    const { memory, portA } = await cable({ wire: 'duplicate 100%' })
    const { read } = captureOf(memory)
    send(portA, frame(1))
    expect(read().map(({ side, id }) => `${side} ${id}`)).toEqual(['0 1', '3 1', '3 1'])
  })

  test('a capture records a frame that its wire never carried as sent and as dropped, with the reason', async () => {
    const { memory, b, portA } = await cable()
    await devClose(b)
    const { read } = captureOf(memory)
    send(portA, frame(1))
    expect(read()).toEqual([
      { side: 0, ns: 0, id: 2 ** 39 + 2 ** 30 + 1, bytes: [...frame(1)] },
      {
        side: 0,
        ns: 0,
        id: 2 ** 39 + 2 ** 30 + 1,
        bytes: [...frame(1)],
        comment: 'dropped: DEV_READY',
      },
    ])
  })

  test('a capture records a GSO frame whole, with flags for the missing checksum and segmentation', async () => {
    const { memory, portA } = await cable()
    const { file } = captureOf(memory)
    sendGso(portA)
    const flags: unknown[] = []
    const [sent] = packets(file(), record => flags.push(record.flags))
    expect(sent?.bytes.length).toBe(3054)
    const undone = FLAG_CHECKSUM_NOT_READY | FLAG_TCP_SEGMENTATION_OFFLOADED
    expect(flags).toEqual([FLAG_OUTBOUND | undone, FLAG_INBOUND | undone])
  })

  test('a capture records packets where a stage needs packets, with the wire’s ids', async () => {
    const { memory, portA } = await cable({ wire: 'loss 0%' })
    const { read } = captureOf(memory)
    sendGso(portA)
    const seen = read()
    const of = (side: number) =>
      seen.filter(each => each.side === side).map(({ id, bytes }) => [id, bytes.length])
    expect(of(0)).toEqual([
      [1, 1054],
      [2, 1054],
      [3, 1054],
    ])
    expect(of(3)).toEqual(of(0))
  })
})

describe('a capture', () => {
  test('a capture of one end of a cable records arriving frames by their number on the wire', async () => {
    const { memory, b, portA, portB } = await cable()
    const { read } = captureOf(memory, {}, dev => dev === b)
    send(portA, frame(1), frame(2))
    send(portB, frame(3))
    expect(read().map(({ side, id, bytes }) => [side, id, bytes[0]])).toEqual([
      [1, ID + 1, 1],
      [1, ID + 2, 2],
      [0, 1, 3],
    ])
  })

  test('a capture numbers the frames of a device without a wire, and recognises them when they come back', async () => {
    const { dev, port } = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
    const { read } = captureOf(memory)
    send(port, frame(1), frame(2))
    expect(read().map(({ side, id }) => `${side} ${id}`)).toEqual(['0 1', '0 2', '1 1', '1 2'])
    expect(dev.frameProbe).toBeUndefined()
  })

  test('a capture records a drop of a received frame on the receive side', async () => {
    const ndoStartXmit = (skb: SkBuff, dev: NetDevice) =>
      netifRxDrop(skb, dev, SKB_DROP_REASON_RX_CRC)
    const { port } = await addDevice(memory, { ndoStartXmit })
    const { read } = captureOf(memory)
    send(port, frame(1))
    expect(read().map(({ side, comment }) => [side, comment])).toEqual([
      [0, undefined],
      [1, 'dropped: RX_CRC'],
    ])
  })

  test('a capture keeps the first bytes of each frame, and its length', async () => {
    const { memory, portA } = await cable()
    const { file } = captureOf(memory, { snaplen: 21 })
    const lengths: unknown[] = []
    send(portA, frame(1, 20), frame(2, 21), frame(3, 22), frame(4, 600))
    const seen = packets(file(), ({ capturedLength, originalLength }) =>
      lengths.push([capturedLength, originalLength]),
    )
    expect(lengths.filter((_, i) => i % 2 === 0)).toEqual([
      [20, 20],
      [21, 21],
      [21, 22],
      [21, 600],
    ])
    expect(seen[6]?.bytes).toEqual([...frame(4, 21)])
  })

  test('a capture records only frames that match its filter', async () => {
    const { memory, portA } = await cable()
    const second = (bytes: Uint8Array, at: number) => bytes[at] === 2
    const { read } = captureOf(memory, { filter: Object.assign(second, { text: 'ether[0] = 2' }) })
    send(portA, frame(1), frame(2))
    expect(read().map(({ bytes }) => bytes[0])).toEqual([2, 2])
  })

  test('a file of two captures has no comment with the id of another packet', async () => {
    const content = new PcapngContent(START)
    const merged: number[] = []
    for (const name of ['first', 'second']) {
      const { memory, portA, portB } = await cable({ wire: 'loss 100%', seed: 1 })
      const { file } = captureOf(memory)
      send(portA, frame(1))
      send(portB, frame(2))
      merged.push(...takeAll(content.source(name), [...file()]))
    }
    const drops = packets(Uint8Array.from(merged)).filter(({ comment }) => comment !== undefined)
    expect(drops.map(({ id, comment }) => [id, /, id .*/.exec(comment ?? '')?.[0]])).toEqual([
      [1, undefined],
      [2 * ID + 1, `, id ${2 * ID + 1}`],
      [4 * ID + 1, undefined],
      [6 * ID + 1, undefined],
    ])
  })

  test('a capture with dropsOnly records only dropped frames', async () => {
    const { memory, portA } = await cable({ wire: 'loss every 2', seed: 1 })
    const { read } = captureOf(memory, { dropsOnly: true })
    send(portA, frame(1), frame(2))
    expect(read().map(({ id, comment }) => [id, comment])).toEqual([
      [2, 'dropped: wire ab, stage 1 loss every 2 (seed 1, packet 2)'],
    ])
  })

  test('a capture counts frames beyond its buffer, with the next frame and at the end', async () => {
    const { memory, portA } = await cable()
    const { capture, take, file } = captureOf(memory, { bufferBytes: 16_384 })
    for (let i = 0; i < 200; i++) {
      send(portA, frame(i, 100))
    }
    const { lost, frames } = capture
    expect(frames + lost).toBe(400)
    expect(lost).toBeGreaterThan(200)
    take()
    send(portA, frame(1), frame(2))
    const dropCounts: unknown[] = []
    packets(file(), ({ dropCount }) => dropCounts.push(dropCount))
    const [sent, arrived] = dropCounts.slice(-4) as [number, number]
    expect(sent + arrived).toBe(lost)
    const others = [...dropCounts.slice(0, -4), ...dropCounts.slice(-2)]
    expect(others.every(count => count === undefined)).toBe(true)
  })

  test('a capture keeps every byte of frames of any length while its buffer is emptied now and then', async () => {
    const { memory, portA } = await cable()
    const { take, read } = captureOf(memory, { bufferBytes: 20_000 })
    const sent = Array.from({ length: 300 }, (_, i) => frame(i, 14 + ((i * 37) % 900)))
    for (const [i, bytes] of sent.entries()) {
      send(portA, bytes)
      if (i % 3 === 0) {
        take()
      }
    }
    expect(
      read()
        .filter(({ side }) => side === 0)
        .map(({ bytes }) => bytes),
    ).toEqual(sent.map(bytes => [...bytes]))
  })

  test('a capture notifies its owner when many bytes wait, and otherwise 50 ms after the first frame', async () => {
    let notified = 0
    const { memory, portA } = await cable()
    const { take, capture } = captureOf(memory, { onData: () => notified++ })
    take()
    send(portA, frame(1))
    memory.clock.advance(49_000_000)
    expect(notified).toBe(0)
    memory.clock.advance(2_000_000)
    expect(notified).toBe(1)
    take()
    for (let i = 0; i < 150; i++) {
      send(portA, frame(i, 1000))
    }
    expect(notified).toBe(2)
    capture.close()
  })

  test('a capture watches devices that are registered later, and none after its end', async () => {
    const { capture, read } = captureOf(memory)
    const { dev, port } = await addDevice(memory)
    send(port, frame(1))
    await unregisterNetdev(dev)
    const { dev: other, port: otherPort } = await addDevice(memory)
    send(otherPort, frame(2))
    expect(read().map(({ side, bytes }) => [side, bytes[0]])).toEqual([
      [0, 1],
      [0, 1],
      [2, 2],
      [2, 2],
    ])
    expect(other.frameProbe).toBeUndefined()
    send(otherPort, frame(3))
    expect(capture.frames).toBe(4)
  })

  test('a capture has the time of each frame to the nanosecond, even when it exceeds 32 bits', async () => {
    const { memory, portA } = await cable()
    const { read } = captureOf(memory)
    const times = Array.from({ length: 12 }, (_, i) => i * 1_000_000_001)
    for (const time of times) {
      memory.clock.advance(time - memory.clock.now())
      send(portA, frame(1))
    }
    const seen = read().filter(({ side }) => side === 0)
    expect(seen.map(({ ns }) => ns)).toEqual(times)
  })

  test('a capture does not watch devices that are registered after its end', async () => {
    const looked: string[] = []
    const { file } = captureOf(memory, {}, dev => looked.push(dev.name) > 0)
    const { dev } = await addDevice(memory)
    file()
    await addDevice(memory)
    expect(looked).toEqual([dev.name])
  })

  test('a capture ends while a wire holds packets, which arrive, and another capture continues', async () => {
    const { memory, a, b, portA, portB } = await cable({ wire: 'delay 10ms' })
    const [one, other] = [captureOf(memory), captureOf(memory)]
    send(portA, frame(1))
    expect(one.read().map(({ side }) => side)).toEqual([0])
    memory.clock.advance(20_000_000)
    expect(other.read().map(({ side, id }) => `${side} ${id}`)).toEqual(['0 1', '3 1'])
    memory.net.flush()
    expect([portB.received.length, a.frameProbe, b.frameProbe]).toEqual([1, undefined, undefined])
  })

  test('a capture shares a device with another capture, each with its own frames', async () => {
    const { memory, portA, a } = await cable()
    const [one, other] = [captureOf(memory), captureOf(memory, { snaplen: 20 })]
    send(portA, frame(1))
    expect(one.read().map(({ bytes }) => bytes.length)).toEqual([60, 60])
    expect(a.frameProbe).toBeDefined()
    send(portA, frame(2))
    expect(other.read().map(({ bytes }) => bytes)).toEqual([1, 1, 2, 2].map(n => [...frame(n, 20)]))
    expect(a.frameProbe).toBeUndefined()
  })
})

describe('what a driver receives without a wire', () => {
  /** A frame of 60 bytes that a driver made. */
  function made(memory: MemoryNet, n: number): SkBuff {
    const skb = memory.pool.alloc(60) as SkBuff
    skb.bytes.fill(n, skb.data, skb.data + 60)
    skb.put(60)
    memory.made++
    return skb
  }

  test('a frame that is dropped on its way to the kernel is not recorded as sent', async () => {
    const { memory, a } = await cable()
    const { read } = captureOf(memory)
    netifRxDrop(made(memory, 1), a as NetDevice, SKB_DROP_REASON_RX_CRC)
    expect(read()).toEqual([
      { side: 1, ns: 0, id: undefined, bytes: [...frame(1)], comment: 'dropped: RX_CRC' },
    ])
  })

  test('a frame from a wire without a device has an id of its own, distinct from sent frames', async () => {
    const wire = { close() {} } as unknown as DeviceWire
    const { dev } = await addDevice(memory, { ndoGetWires: () => [wire] })
    const { read } = captureOf(memory)
    const skb = made(memory, 1)
    skb.dev = dev as NetDevice
    skb.packetId = 5
    netifRx(skb)
    memory.net.flush()
    expect(read().map(({ side, id }) => [side, id])).toEqual([[1, ID + 5]])
  })

  test('a frame has the time of the moment after others had the time of their wire', async () => {
    const { memory, b, portA } = await cable({ wire: 'delay 10ms' })
    const { read } = captureOf(memory)
    send(portA, frame(1))
    memory.clock.advance(50_000_000)
    const skb = made(memory, 2)
    skb.dev = b as NetDevice
    netifRx(skb)
    memory.net.flush()
    expect(read().map(({ side, ns }) => `${side} ${ns}`)).toEqual([
      '0 0',
      '3 10000000',
      '3 50000000',
    ])
  })

  test('a frame has the reason of its own drop after a wire dropped another', async () => {
    const { memory, a, portA } = await cable({ wire: 'loss 100%', seed: 1 })
    const { read } = captureOf(memory)
    send(portA, frame(1))
    netifRxDrop(made(memory, 2), a as NetDevice, SKB_DROP_REASON_RX_CRC)
    expect(read().at(-1)?.comment).toBe('dropped: RX_CRC')
  })
})

describe('a capture in trouble', () => {
  test('a capture records the frames for which its filter throws, which pass, and logs that once', async () => {
    const { memory, portA, portB } = await cable()
    const filter = () => {
      throw new Error('oops')
    }
    const { read } = captureOf(memory, { filter: Object.assign(filter, { text: 'any' }) })
    send(portA, frame(1), frame(2))
    expect(read().map(({ bytes }) => bytes[0])).toEqual([1, 1, 2, 2])
    expect(portB.received.length).toBe(2)
    expect(memory.lines.filter(line => line.includes('oops'))).toEqual([
      expect.stringContaining("capture: the filter 'any': Error: oops"),
    ])
  })

  test('a capture watches a device that was registered while its buffer was full once it has room', async () => {
    const { memory, portA } = await cable()
    const { take, read } = captureOf(memory, { bufferBytes: 16_384 })
    for (let i = 0; i < 200; i++) {
      send(portA, frame(i, 100))
    }
    const come: Awaited<ReturnType<typeof addDevice>>[] = []
    for (let i = 0; i < 20; i++) {
      come.push(await addDevice(memory))
    }
    take()
    for (const [i, { port }] of come.entries()) {
      send(port, frame(i))
    }
    const ends = read().filter(({ side }) => side > 3)
    expect(new Set(ends.map(({ bytes }) => bytes[0])).size).toBe(20)
  })

  test('a capture skips a device that was registered and deleted while its buffer was full', async () => {
    const { memory, portA } = await cable()
    const { take, file } = captureOf(memory, { bufferBytes: 16_384 })
    for (let i = 0; i < 200; i++) {
      send(portA, frame(i, 100))
    }
    const come: Awaited<ReturnType<typeof addDevice>>[] = []
    for (let i = 0; i < 20; i++) {
      come.push(await addDevice(memory))
    }
    for (const { dev } of come) {
      await unregisterNetdev(dev)
    }
    take()
    expect(come.filter(({ dev }) => dev.frameProbe !== undefined)).toEqual([])
    expect(() => file()).not.toThrow()
  })

  test('a capture describes a namespace with a path of any length', async () => {
    const { memory, portA } = await cable()
    const netns = `/${'ä'.repeat(3000)}`
    const { take, file } = captureOf(memory, { bufferBytes: 20_000, netnsOf: () => netns })
    take()
    send(portA, frame(1))
    const written = file()
    expect(
      Buffer.from(written).indexOf(`received by the kernel in ${netns}, from b`),
    ).toBeGreaterThan(0)
    expect(packets(written).length).toBe(2)
  })

  test('a capture gives a packet the same id at both ends even if its device is renamed meanwhile', async () => {
    const { memory, portA } = await cable({ wire: 'delay 10ms' })
    const { read } = captureOf(memory)
    send(portA, frame(1))
    portA.change({ kind: 'renamed', name: 'c' })
    send(portA, frame(2))
    memory.clock.advance(20_000_000)
    const seen = read()
    const ids = (n: number) => seen.filter(({ bytes }) => bytes[0] === n).map(({ id }) => id)
    expect(ids(1)).toEqual([1, 1])
    expect(new Set(ids(2)).size).toBe(1)
    expect(ids(2)).not.toContain(1)
  })

  test('a capture records a short frame at the end of all frame memory', async () => {
    const memory = makeNet({ large: 1, small: 1 })
    const { dev } = await addDevice(memory)
    const { read } = captureOf(memory)
    const skb = memory.pool.alloc(1902) as SkBuff
    skb.put(1902)
    skb.pull(1902 - 61)
    skb.bytes.fill(9, skb.data, skb.data + 61)
    dev.frameProbe?.received(skb)
    skb.free()
    expect(read().map(({ bytes }) => bytes)).toEqual([[...frame(9, 61)]])
  })
})
