/** INJECT: what a device receives, and refusals, without sockets and by the client. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ControlClient, type Entry, serveControl } from '#src/control/index.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { VNET_GENL_ID, VNET_INJECT_FRAMES_MAX } from '#src/control/protocol/family.ts'
import { encodeFrames, INJECT_FRAMES } from '#src/control/protocol/frame-list.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { loadNative } from '#src/linux/native.ts'
import { devClose } from '#src/netdev/netif.ts'
import { RX_LENGTH_ERRORS, RX_PACKETS } from '#src/netdev/stats.ts'
import { StepGate } from '#src/netdev/step-gate.ts'
import { NLM_F_ACK } from '#src/netlink/index.ts'
import { SKB_DROP_REASON_PKT_TOO_BIG, SKB_DROP_REASON_PKT_TOO_SMALL } from '#src/skb/drop-reason.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { ask, read, request } from '#support/genl-request.ts'
import {
  addDevice,
  type MemoryNetOptions,
  memoryNets,
  numbered,
  numberOf,
} from '#support/memory-net.ts'

const INJECT = 19
const [IFNAME, FRAMES] = [2, 60]
const memoryNet = memoryNets()

async function served(options: MemoryNetOptions = {}) {
  const memory = memoryNet(options)
  const { dev, port } = await addDevice(memory, {}, { name: 'one' })
  const families = new Map([
    [
      VNET_GENL_ID,
      vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf: () => undefined }),
    ],
  ])
  function inject(list: Uint8Array, missing?: string) {
    const write = (b: {
      string(type: number, text: string): { binary(type: number, bytes: Uint8Array): unknown }
    }) => b.string(IFNAME, 'one').binary(FRAMES, list)
    return read(
      ask(families, request(VNET_GENL_ID, INJECT, { flags: NLM_F_ACK, write }), { missing }),
    )
  }
  return { ...memory, dev, port, inject }
}

const list = (frames: readonly Uint8Array[]) => encodeFrames(frames, 0).list
const done = (taken: number, refused = 0) => ({
  answers: [{ taken, refused }],
  acks: [{ error: 0 }],
})

test('injected frames are received in order before the reply, and counted as made and received', async () => {
  const { dev, port, inject, conserved } = await served()
  expect(inject(list(numbered(100)))).toEqual(done(100))
  expect(port.received.map(numberOf)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  expect(port.received[7]?.bytes).toEqual(numbered(1, 7)[0])
  expect(dev.getStats64()[RX_PACKETS]).toBe(100)
  expect(conserved()).toMatchObject({ in: 0, made: 100, out: 100 })
})

test('a frame shorter than its header, or longer than the MTU with a VLAN tag, is dropped and counted', async () => {
  const { dev, port, inject } = await served()
  const frames = [13, 14, 1518, 1519].map(length => new Uint8Array(length).fill(2))
  expect(inject(list(frames))).toEqual(done(4, 2))
  expect(port.received.map(({ bytes }) => bytes.length)).toEqual([14, 1518])
  const { rx } = dev.counters.drops()
  expect([rx[SKB_DROP_REASON_PKT_TOO_SMALL], rx[SKB_DROP_REASON_PKT_TOO_BIG]]).toEqual([1, 1])
  expect(dev.getStats64()[RX_LENGTH_ERRORS]).toBe(2)
})

test('while stepping, an injected frame halts at netifRx, without a line of a driver', async () => {
  const { net, port, inject } = await served()
  const gate = new StepGate(net)
  expect(inject(list(numbered(1)))).toEqual(done(1))
  expect(gate.halt).toMatchObject({ step: 4, next: 'netifRx', caller: undefined })
  expect(port.received).toHaveLength(0)
  gate.off()
  expect(port.received).toHaveLength(1)
})

test('a request has 128 frames received, and leaves the others to the next', async () => {
  const { port, inject } = await served()
  // 200 frames, encoded as a client of another program may.
  const bytes = Uint8Array.from(numbered(200).flatMap(frame => [0, 60, ...frame]))
  expect(inject(bytes)).toEqual(done(INJECT_FRAMES))
  expect(port.received).toHaveLength(INJECT_FRAMES)
})

test('injected frames are not taken while the pool has no free slot', async () => {
  const { pool, port, inject } = await served({ large: 1, small: 4 })
  const taken: SkBuff[] = []
  for (let skb = pool.alloc(60); skb !== undefined; skb = pool.alloc(60)) {
    taken.push(skb)
  }
  expect(inject(list(numbered(3)))).toEqual(done(0))
  for (const skb of taken) {
    skb.free()
  }
  expect([inject(list(numbered(3))), port.received.length]).toEqual([done(3), 3])
})

test.each([
  ['one byte', [1]],
  ['a frame that ends early', [0, 14, 1, 2, 3]],
  ['a length without a frame', [0, 2, 1, 1, 0, 9]],
])('a list with %s at its end is EINVAL, and nothing is received', async (_, bytes) => {
  const { port, inject } = await served()
  const whole = numbered(1).flatMap(frame => [0, 60, ...frame])
  const message = 'frames: the last one is not whole'
  expect(inject(Uint8Array.from([...whole, ...bytes]))).toMatchObject({
    answers: [],
    acks: [{ error: -22, message }],
  })
  expect(port.received).toEqual([])
})

test('an empty list is taken', async () => {
  const { inject } = await served()
  expect(inject(new Uint8Array())).toEqual(done(0))
})

test('a device that is down, or a client without the right, is refused', async () => {
  const { dev, port, inject } = await served()
  const missing = 'only root may do this'
  expect(inject(list(numbered(1)), missing)).toEqual({
    answers: [],
    acks: [{ error: -1, message: missing }],
  })
  await devClose(dev)
  expect(inject(list(numbered(1)))).toEqual({
    answers: [],
    acks: [{ error: -100, message: 'one is down' }],
  })
  expect(port.received).toEqual([])
})

test('a list has as many frames as fit a request', () => {
  const frames = Array.from({ length: 50 }, () => new Uint8Array(1500))
  expect(encodeFrames(frames, 0)).toMatchObject({ count: 39, list: { length: 39 * 1502 } })
  expect(encodeFrames(frames, 39).count).toBe(11)
  expect(encodeFrames([new Uint8Array(VNET_INJECT_FRAMES_MAX - 2)], 0).count).toBe(1)
  expect(encodeFrames([new Uint8Array(VNET_INJECT_FRAMES_MAX - 1)], 0).count).toBe(0)
  expect(encodeFrames(numbered(200), 0).count).toBe(INJECT_FRAMES)
})

const root = freshDirectory()
const ends = endedAfterEach<Disposable>()

test('ControlClient.inject injects any number of frames, and returns how many were refused', async () => {
  const memory = memoryNet()
  const { dev, port } = await addDevice(memory, {}, { name: 'one' })
  const native = loadNative()
  ends.push(serveControl(native, memory.net, { directory: join(root, 'vnet') }))
  const client = new ControlClient(native)
  ends.push(client)
  const [{ vnet }] = readDirectories(namedDirectory(join(root, 'vnet'))) as [Entry]
  const frames = [...numbered(250), new Uint8Array(3), new Uint8Array(61_000), ...numbered(50)]
  expect(await client.inject(vnet, { ifindex: dev.ifindex, name: 'one' }, frames)).toEqual({
    refused: 2,
  })
  expect(port.received.map(numberOf)).toEqual([...Array(250).keys(), ...Array(50).keys()])
})
