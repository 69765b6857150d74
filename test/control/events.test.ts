/** Events, without sockets: who is told of what, and who no more. */
import { expect, test } from 'vitest'
import { Events } from '../../src/control/events.ts'
import { eventPolicy, VNET_GENL_ID } from '../../src/control/family.ts'
import type { Caller } from '../../src/control/operation.ts'
import { vnetFamily } from '../../src/control/vnet-family.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import { unregisterNetdev } from '../../src/core/register.ts'
import { decodeAttributes, MessageBuilder, messages, NLMSG_OVERRUN, parseGenl } from '../../src/netlink/index.ts'
import { ask, read, request } from '../support/genl-request.ts'
import { addDevice, memoryNets, numbered, turn } from '../support/memory-net.ts'

const [REGISTERED, UNREGISTERED, UP, DOWN, TIMEOUT, DROPS] = [1, 2, 3, 4, 5, 6] as const
const SUBSCRIBE = 10
const MS = 1_000_000
const memoryNet = memoryNets()

/** A net, and callers who note what they are told; one in `deaf` has no room. */
function listened() {
  const memory = memoryNet()
  const told: { who: number; event: number; [field: string]: unknown }[] = []
  /** Types of the messages to subscribers. */
  const types: number[] = []
  const deaf = new Set<number>()
  function note(who: number, octets: Uint8Array): boolean {
    if (deaf.has(who)) return false
    for (const message of messages(octets)) {
      types.push(message.type)
      if (message.type !== VNET_GENL_ID) continue
      const { cmd, offset, length } = parseGenl(octets, message)
      expect([cmd, message.seq]).toEqual([11, 0])
      told.push({ who, ...decodeAttributes(eventPolicy, octets, offset, length) })
    }
    return true
  }
  const callers: Caller[] = Array.from({ length: 10 }, (_, who) => {
    return { missing: undefined, onDrained: undefined, tell: octets => note(who, octets) }
  })
  const netnsOf = (dev: NetDevice) => (dev.name === 'far' ? 'red' : undefined)
  const events = new Events(memory.net, netnsOf)
  const { subscribers } = events
  const vnet = vnetFamily({ devices: memory.net.devices, netnsOf, subscribers })
  const [operation] = vnet.operations.filter(({ cmd }) => cmd === SUBSCRIBE)
  /** Caller 0 asks. */
  function subscribe(write: (b: MessageBuilder) => unknown = () => {}): void {
    const octets = new MessageBuilder().message(VNET_GENL_ID, 0, 1)
    write(octets)
    operation!.doit!(octets.bytes, 16, octets.bytes.length - 16, callers[0]!)
  }
  return { ...memory, told, types, deaf, events, subscribers, subscribe, callers }
}

test('every subscriber gets each event of a device once, until it or the server ends', async () => {
  const memory = listened()
  const [one, other] = memory.callers as [Caller, Caller]
  for (const caller of [one, other]) memory.subscribers.set(caller)
  const { dev, port } = await addDevice(memory, {}, { name: 'far' })
  port.change({ kind: 'down' })
  memory.subscribers.delete(other)
  await unregisterNetdev(dev)
  const life = [REGISTERED, UP, DOWN, UNREGISTERED]
  const toldTo = (who: number) => memory.told.filter(each => each.who === who).map(({ event }) => event)
  expect([toldTo(0), toldTo(1)]).toEqual([life, life.slice(0, 3)])
  expect(memory.told[0]).toEqual({ who: 0, event: REGISTERED, ifindex: dev.ifindex, ifname: 'far', netns: 'red' })
  memory.events[Symbol.dispose]()
  await addDevice(memory)
  expect(memory.told).toHaveLength(7)
})

test('a timeout is told with its queue and how many there were', async () => {
  const memory = listened()
  memory.subscribe()
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
  memory.subscribe(b => b.u32(29, 1 << DOWN))
  const change = (...kinds: ('up' | 'down')[]) => {
    memory.told.length = 0
    for (const kind of kinds) port.change({ kind })
    return memory.told.map(({ event }) => event)
  }
  expect(change('down', 'up')).toEqual([DOWN])
  memory.subscribe(b => b.u32(29, 1 << UP))
  expect(change('down', 'up')).toEqual([UP])
  memory.subscribe()
  expect(change('down', 'up')).toEqual([DOWN, UP])
  memory.subscribe(b => b.u32(29, 0))
  expect([change('down', 'up'), memory.subscribers.all]).toEqual([[], []])
})

test('unknown events are refused, and a vnet without events says so', async () => {
  const { subscribe } = listened()
  expect(() => subscribe(b => b.u64(30, 1n).u32(29, 0x101))).toThrow(/events: 0x101 has unknown events/)
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
    return memory.told.map(({ event, dropped }) => [event, dropped])
  }
  memory.subscribe()
  expect([await drop(9), memory.clock.armed]).toEqual([[], 0])
  memory.subscribe(b => b.u64(30, 5n))
  expect(await drop(4)).toEqual([])
  const told = (dropped: bigint) => [[DROPS, dropped]]
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

test('each subscriber is notified whenever drops reach its threshold', async () => {
  const memory = listened()
  const { port } = await addDevice(memory, {}, { name: 'one' })
  for (const [who, threshold] of [2, 2, 3].entries()) memory.subscribers.set(memory.callers[who]!, undefined, threshold)
  const toldOf = async () => {
    memory.told.length = 0
    for (const octets of numbered(2)) port.transmit(octets)
    await turn()
    memory.clock.advance(100 * MS)
    return memory.told.map(({ who, dropped }) => [who, dropped])
  }
  expect(await toldOf()).toEqual([0, 1].map(who => [who, 2n]))
  expect(await toldOf()).toEqual([0, 1, 2].map(who => [who, 4n]))
  memory.events[Symbol.dispose]()
})

test('what a device drops counts from its beginning, whoever subscribes meanwhile', async () => {
  const memory = listened()
  const [one, other] = memory.callers as [Caller, Caller]
  memory.subscribers.set(one, undefined, 3)
  const { port } = await addDevice(memory, {}, { name: 'one' })
  for (const octets of numbered(3)) port.transmit(octets)
  await turn()
  memory.subscribers.set(other, undefined, 1)
  memory.told.length = 0
  memory.clock.advance(100 * MS)
  expect(memory.told.map(({ who, dropped }) => [who, dropped])).toEqual([[0, 3n]])
  memory.events[Symbol.dispose]()
})

test('drops are no longer polled once the last subscriber with a threshold is gone', async () => {
  const memory = listened()
  const [one, other] = memory.callers as [Caller, Caller]
  memory.subscribers.set(one, undefined, 1)
  memory.subscribers.set(other)
  expect(memory.clock.armed).toBe(1)
  memory.subscribers.delete(one)
  expect([memory.subscribers.all.map(({ caller }) => caller), memory.clock.armed]).toEqual([[other], 0])
})

test('a subscriber that lost events is notified once, before the next event or when it has read everything', async () => {
  const memory = listened()
  const [caller] = memory.callers as [Caller]
  memory.subscribers.set(caller)
  const { port } = await addDevice(memory, {}, { name: 'one' })
  const change = (kind: 'up' | 'down') => {
    memory.types.length = 0
    port.change({ kind })
    return [...memory.types]
  }
  memory.deaf.add(0)
  expect(change('down')).toEqual([])
  memory.deaf.clear()
  expect([change('up'), change('down')]).toEqual([[NLMSG_OVERRUN, VNET_GENL_ID], [VNET_GENL_ID]])
  memory.deaf.add(0)
  change('up')
  memory.deaf.clear()
  caller.onDrained?.()
  caller.onDrained?.()
  expect(memory.types).toEqual([NLMSG_OVERRUN])
})
