/** Events, without sockets: who is told of what, and who no more. */
import { expect, test } from 'vitest'
import { Events } from '../../src/control/events.ts'
import { eventPolicy, VNET_GENL_ID } from '../../src/control/family.ts'
import { vnetFamily } from '../../src/control/vnet-family.ts'
import { EAGAIN, ECONNREFUSED } from '../../src/core/errno.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import { unregisterNetdev } from '../../src/core/register.ts'
import {
  decodeAttributes,
  type MessageBuilder,
  messages,
  NLM_F_ACK,
  NLMSG_OVERRUN,
  parseGenl,
} from '../../src/netlink/index.ts'
import { ask, read, request } from '../support/genl-request.ts'
import { addDevice, memoryNets, numbered, turn } from '../support/memory-net.ts'

const [REGISTERED, UNREGISTERED, UP, DOWN, TIMEOUT, DROPS] = [1, 2, 3, 4, 5, 6] as const
const SUBSCRIBE = 10
const MS = 1_000_000
const memoryNet = memoryNets()

/** A net whose events go to `told` by port; 0 is the group. A port in `deaf` answers that. */
function listened() {
  const memory = memoryNet()
  const told: { port: number; event: number; [field: string]: unknown }[] = []
  /** Types of the messages to subscribers. */
  const types: number[] = []
  const deaf = new Map<number, number>()
  function note(port: number, octets: Uint8Array): number {
    const answer = deaf.get(port)
    if (answer !== undefined) return answer
    for (const message of messages(octets)) {
      if (port !== 0) types.push(message.type)
      if (message.type !== VNET_GENL_ID) continue
      const { cmd, offset, length } = parseGenl(octets, message)
      expect([cmd, message.seq]).toEqual([11, 0])
      told.push({ port, ...decodeAttributes(eventPolicy, octets, offset, length) })
    }
    return octets.length
  }
  const netnsOf = (dev: NetDevice) => (dev.name === 'far' ? 'red' : undefined)
  const events = new Events(memory.net, netnsOf, { send: note, multicast: octets => void note(0, octets) })
  const { subscribers } = events
  const vnet = vnetFamily({ devices: memory.net.devices, netnsOf, subscribers })
  function subscribe(write: (b: MessageBuilder) => unknown = () => {}) {
    const octets = request(VNET_GENL_ID, SUBSCRIBE, { flags: NLM_F_ACK, write })
    return read(ask(new Map([[VNET_GENL_ID, vnet]]), octets, { uid: 1000 })).acks
  }
  return { ...memory, told, types, deaf, events, subscribers, subscribe }
}

test('the life of a device is told to the group and to subscribers, each event once', async () => {
  const memory = listened()
  memory.subscribers.set(7, 0)
  const { dev, port } = await addDevice(memory, {}, { name: 'far' })
  port.change({ kind: 'down' })
  await unregisterNetdev(dev)
  const life = [REGISTERED, UP, DOWN, UNREGISTERED]
  for (const port of [0, 7]) {
    expect(memory.told.filter(each => each.port === port).map(({ event }) => event)).toEqual(life)
  }
  expect(memory.told[0]).toEqual({ port: 0, event: REGISTERED, ifindex: dev.ifindex, ifname: 'far', netns: 'red' })
  memory.events[Symbol.dispose]()
  await addDevice(memory)
  expect(memory.told).toHaveLength(8)
})

test('a timeout is told with its queue and how many there were', async () => {
  const memory = listened()
  const { dev } = await addDevice(memory, {}, { name: 'one', txqs: 2, watchdogTimeo: 50 })
  dev.tx[1]!.stop()
  memory.clock.advance(120 * MS)
  expect(
    memory.told.filter(({ event }) => event === TIMEOUT).map(({ queue, txTimeouts }) => [queue, txTimeouts]),
  ).toEqual([
    [1, 1n],
    [1, 2n],
  ])
  dev.tx[1]!.wake()
})

test('a subscriber gets what it asked for, from when it asked, and anew what it asks for then', async () => {
  const memory = listened()
  const { port } = await addDevice(memory, {}, { name: 'one' })
  expect(memory.subscribe(b => b.u32(29, 1 << DOWN))).toEqual([{ error: 0 }])
  const change = (...kinds: ('up' | 'down')[]) => {
    memory.told.length = 0
    for (const kind of kinds) port.change({ kind })
    return memory.told.filter(each => each.port === 4242).map(({ event }) => event)
  }
  expect(change('down', 'up')).toEqual([DOWN])
  memory.subscribe(b => b.u32(29, 1 << UP))
  expect(change('down', 'up')).toEqual([UP])
  memory.subscribe()
  expect(change('down', 'up')).toEqual([DOWN, UP])
  memory.subscribe(b => b.u32(29, 0))
  expect([change('down', 'up'), memory.subscribers.all]).toEqual([[], []])
})

test('events that nobody knows are refused with their place, and a vnet without events says so', async () => {
  const { subscribe } = listened()
  const message = 'events: 0x101 has events that nobody knows'
  expect(subscribe(b => b.u64(30, 1n).u32(29, 0x101))).toEqual([{ error: -22, message, offset: 32 }])
  const vnet = vnetFamily({ devices: [], netnsOf: () => undefined })
  expect(read(ask(new Map([[VNET_GENL_ID, vnet]]), request(VNET_GENL_ID, SUBSCRIBE))).acks).toMatchObject([
    { error: -95 },
  ])
})

test('drops are told at each threshold, by device, and again after a reset; without one they are not looked at', async () => {
  const memory = listened()
  const { dev, port } = await addDevice(memory, {}, { name: 'one' })
  async function drop(count: number): Promise<unknown[]> {
    memory.told.length = 0
    for (const octets of numbered(count)) port.transmit(octets)
    await turn()
    memory.clock.advance(100 * MS)
    return memory.told.map(({ port, event, dropped }) => [port, event, dropped])
  }
  memory.subscribe()
  expect([await drop(9), memory.clock.armed]).toEqual([[], 0])
  memory.subscribe(b => b.u64(30, 5n))
  expect(await drop(4)).toEqual([])
  const told = (dropped: bigint) => [4242, 0].map(port => [port, DROPS, dropped])
  expect(await drop(1)).toEqual(told(14n))
  expect(await drop(20)).toEqual(told(34n))
  dev.resetStats()
  expect(await drop(4)).toEqual([])
  expect(await drop(2)).toEqual(told(6n))
  // As high as a number can be, and none at all.
  memory.subscribe(b => b.u64(30, 2n ** 64n - 1n))
  expect(await drop(9)).toEqual([])
  memory.subscribe(b => b.u64(30, 0n))
  expect([await drop(9), memory.clock.armed]).toEqual([[], 0])
})

test('drops are told to the group once, as often as any threshold is reached', async () => {
  const memory = listened()
  const { port } = await addDevice(memory, {}, { name: 'one' })
  for (const [subscriber, threshold] of [
    [7, 2],
    [8, 2],
    [9, 3],
  ] as const)
    memory.subscribers.set(subscriber, 0, undefined, threshold)
  const toldOf = async () => {
    memory.told.length = 0
    for (const octets of numbered(2)) port.transmit(octets)
    await turn()
    memory.clock.advance(100 * MS)
    return memory.told.map(({ port, dropped }) => [port, dropped])
  }
  expect(await toldOf()).toEqual([7, 8, 0].map(port => [port, 2n]))
  expect(await toldOf()).toEqual([7, 8, 9, 0].map(port => [port, 4n]))
  memory.events[Symbol.dispose]()
})

test('what a device drops counts from its beginning, whoever subscribes meanwhile', async () => {
  const memory = listened()
  memory.subscribers.set(7, 0, undefined, 3)
  const { port } = await addDevice(memory, {}, { name: 'one' })
  for (const octets of numbered(3)) port.transmit(octets)
  await turn()
  memory.subscribers.set(8, 0, undefined, 1)
  memory.told.length = 0
  memory.clock.advance(100 * MS)
  expect(memory.told.map(({ port, dropped }) => [port, dropped])).toEqual([7, 0].map(port => [port, 3n]))
  memory.events[Symbol.dispose]()
})

test('one that is gone is no subscriber any more', async () => {
  const memory = listened()
  memory.subscribers.set(7, 0, undefined, 1)
  memory.subscribers.set(9, 0)
  memory.deaf.set(7, -ECONNREFUSED)
  await addDevice(memory)
  expect([memory.subscribers.all.map(({ port }) => port), memory.clock.armed]).toEqual([[9], 0])
})

test('one that does not read is told with the next event for which it has room that something was lost, once', async () => {
  const memory = listened()
  memory.subscribers.set(7, 0)
  const { port } = await addDevice(memory, {}, { name: 'one' })
  const change = (kind: 'up' | 'down') => {
    memory.types.length = 0
    port.change({ kind })
    return [...memory.types]
  }
  memory.deaf.set(7, -EAGAIN)
  expect(change('down')).toEqual([])
  memory.deaf.clear()
  expect([change('up'), change('down')]).toEqual([[NLMSG_OVERRUN, VNET_GENL_ID], [VNET_GENL_ID]])
})

test('a user has sixteen subscriptions, all have 64, and those who are gone make room', () => {
  const { subscribers, deaf, subscribe } = listened()
  const tried = (uid: number, from: number, count: number) =>
    Array.from({ length: count }, (_, n) => subscribers.set(from + n, uid)).filter(Boolean).length
  expect(tried(1000, 100, 20)).toBe(16)
  expect(subscribe()).toEqual([{ error: -16, message: 'too many listen for events already' }])
  expect([1, 2, 3, 4].map(uid => tried(uid, 1000 * uid, 16))).toEqual([16, 16, 16, 0])
  expect(subscribers.all).toHaveLength(64)
  deaf.set(100, -ECONNREFUSED)
  expect([tried(5, 5000, 2), subscribers.all.length]).toEqual([1, 64])
})
