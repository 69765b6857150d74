/** Events without sockets: which subscriber gets which event, and until when. */
import { expect, test, vi } from 'vitest'
import type { Turns, Work } from '#src/base/turns.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { Events } from '#src/control/operations/events.ts'
import type { Caller } from '#src/control/operations/operation.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { commands, eventNumbers, VNET_GENL_ID } from '#src/control/protocol/family.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { cutCable, devOpen, netifCarrierOff, netifCarrierOn, plugCable } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import {
  decodeAttributes,
  MessageBuilder,
  messages,
  NLMSG_OVERRUN,
  parseGenl,
} from '#src/netlink/index.ts'
import { ask, read, request } from '#support/genl-request.ts'
import {
  addDevice,
  addDriver,
  type MemoryNetOptions,
  memoryNets,
  numbered,
  turn,
} from '#support/memory-net.ts'

const [REGISTERED, UNREGISTERED, UP, DOWN, TIMEOUT, DROPS] = [1, 2, 3, 4, 5, 6] as const
const [CARRIER_ON, CARRIER_OFF, CUT, PLUGGED] = [7, 8, 9, 10] as const
const ALL = 0xffe
const SUBSCRIBE = 10
const MS = 1_000_000
const NOW = 1_800_000_000_123
const memoryNet = memoryNets()

/** A net, and clients that record their events; a client in `deaf` has no room. */
function listened(options: MemoryNetOptions = {}) {
  const memory = memoryNet(options)
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
      const { time, event, ...rest } = decodeAttributes(
        commands.event.reply,
        octets,
        offset,
        length,
      )
      expect(time).toBe(NOW)
      told.push({ who, event: eventNumbers[event as keyof typeof eventNumbers], ...rest })
    }
    return true
  }
  const callers: Caller[] = Array.from({ length: 10 }, (_, who) => {
    const rights = { missing: undefined, missingToCapture: undefined, share: 0, privileged: true }
    return { ...rights, onDrained: undefined, notify: octets => note(who, octets), handOver() {} }
  })
  const netnsOf = (dev: NetDevice) => (dev.name === 'far' ? 'red' : undefined)
  const events = new Events(memory.net, netnsOf, () => NOW)
  const vnet = vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf, events })
  const [operation] = vnet.operations.filter(({ cmd }) => cmd === SUBSCRIBE)
  /** SUBSCRIBE by client 0. */
  function subscribe(write: (b: MessageBuilder) => unknown = () => {}): void {
    const octets = new MessageBuilder().message(VNET_GENL_ID, 0, 1)
    write(octets)
    operation!.doit!(octets.bytes, 16, octets.bytes.length - 16, callers[0]!)
  }
  /** Makes the port drop `count` frames and returns the events until drops are polled once. */
  async function drop(port: MemoryPort, count: number): Promise<typeof told> {
    told.length = 0
    for (const octets of numbered(count)) {
      port.transmit(octets)
    }
    await turn()
    memory.clock.advance(100 * MS)
    await turn()
    return told
  }
  return { ...memory, told, types, deaf, events, subscribe, callers, drop }
}

test('a subscriber gets each event of a device once, until it or the server ends', async () => {
  const memory = listened()
  const [one, other] = memory.callers as [Caller, Caller]
  for (const caller of [one, other]) {
    memory.events.subscribe(caller)
  }
  const { dev, port } = await addDevice(memory, {}, { name: 'far' })
  port.change({ kind: 'down' })
  memory.events.unsubscribe(other)
  await unregisterNetdev(dev)
  const life = [REGISTERED, UP, DOWN, UNREGISTERED]
  const toldTo = (who: number) =>
    memory.told.filter(each => each.who === who).map(({ event }) => event)
  expect([toldTo(0), toldTo(1)]).toEqual([life, life.slice(0, 3)])
  const { ifindex } = dev
  expect(memory.told[0]).toEqual({
    who: 0,
    event: REGISTERED,
    ifindex,
    attached: false,
    ifname: 'far',
    netns: 'red',
  })
  memory.events[Symbol.dispose]()
  await addDevice(memory)
  expect(memory.told).toHaveLength(7)
})

test('carrier changes, a cut cable and a plugged cable are events', async () => {
  const memory = listened()
  memory.subscribe(b => b.u32(29, ALL & ~((1 << REGISTERED) | (1 << UP))))
  const { devices } = await addDriver(memory, cable, {}, { args: ['a', 'b'], down: true })
  const [a, b] = devices as [NetDevice, NetDevice]
  const events = () => memory.told.splice(0).map(({ ifname, event }) => `${ifname} ${event}`)
  for (const dev of [a, b]) {
    await devOpen(dev)
  }
  expect(events()).toEqual([`b ${CARRIER_ON}`, `a ${CARRIER_ON}`])
  for (let i = 0; i < 2; i++) {
    cutCable(a)
  }
  expect(events()).toEqual([`a ${CUT}`, `a ${CARRIER_OFF}`, `b ${CUT}`, `b ${CARRIER_OFF}`])
  netifCarrierOff(b)
  plugCable(b)
  expect(events()).toEqual([`b ${PLUGGED}`, `a ${PLUGGED}`, `a ${CARRIER_ON}`])
  netifCarrierOn(b)
  expect(events()).toEqual([`b ${CARRIER_ON}`])
})

test('the first change of a device that is older than the server is an event', async () => {
  const memory = memoryNet()
  const { dev } = await addDevice(memory)
  using events = new Events(
    memory.net,
    () => undefined,
    () => NOW,
  )
  const notify = vi.fn(() => true)
  const rights = { missing: undefined, missingToCapture: undefined, share: 0, privileged: true }
  events.subscribe({ ...rights, onDrained: undefined, notify, handOver() {} })
  netifCarrierOff(dev)
  expect(notify).toHaveBeenCalledOnce()
})

test('a timeout event has the queue and the number of timeouts', async () => {
  const memory = listened()
  memory.subscribe()
  const { dev } = await addDevice(memory, {}, { name: 'one', txqs: 2, watchdogTimeo: 50 })
  dev.tx[1]!.stop()
  memory.clock.advance(120 * MS)
  expect(
    memory.told
      .filter(({ event }) => event === TIMEOUT)
      .map(({ queue, txTimeouts }) => [queue, txTimeouts]),
  ).toEqual([
    [1, 1],
    [1, 2],
  ])
  dev.tx[1]!.wake()
})

test('a second SUBSCRIBE of a client replaces the first', async () => {
  const memory = listened()
  const { port } = await addDevice(memory, {}, { name: 'one' })
  memory.subscribe(b => b.u32(29, 1 << DOWN))
  const change = (...kinds: ('up' | 'down')[]) => {
    memory.told.length = 0
    for (const kind of kinds) {
      port.change({ kind })
    }
    return memory.told.map(({ event }) => event)
  }
  expect(change('down', 'up')).toEqual([DOWN])
  memory.subscribe(b => b.u32(29, 1 << UP))
  expect(change('down', 'up')).toEqual([UP])
  memory.subscribe()
  expect(change('down', 'up')).toEqual([DOWN, UP])
  memory.subscribe(b => b.u32(29, 0))
  expect([change('down', 'up'), memory.events.subscribers]).toEqual([[], []])
})

test('a subscriber that names an interface gets only the events of that interface', async () => {
  const memory = listened()
  // By name, before the interface exists.
  memory.subscribe(b => b.string(2, 'one'))
  const one = await addDevice(memory, {}, { name: 'one' })
  const far = await addDevice(memory, {}, { name: 'far' })
  const change = () => {
    memory.told.length = 0
    for (const { port } of [one, far]) {
      port.change({ kind: 'down' })
    }
    for (const { port } of [one, far]) {
      port.change({ kind: 'up' })
    }
    return memory.told.map(({ event, ifname }) => `${ifname} ${event}`)
  }
  expect(memory.told.map(({ event, ifname }) => `${ifname} ${event}`)).toEqual(['one 1', 'one 3'])
  expect(change()).toEqual(['one 4', 'one 3'])
  memory.subscribe(b => b.u32(1, far.dev.ifindex))
  expect(change()).toEqual(['far 4', 'far 3'])
  memory.subscribe(b => b.string(3, 'red'))
  expect(change()).toEqual(['far 4', 'far 3'])
  memory.subscribe(b => b.string(2, 'one').string(3, 'red'))
  expect(change()).toEqual([])
})

test('a subscriber that names an interface gets no drops events of others', async () => {
  const memory = listened()
  const { port } = await addDevice(memory, {}, { name: 'one' })
  const drop = async () => (await memory.drop(port, 3)).map(({ event }) => event)
  memory.subscribe(b => b.u64(30, 1n).string(2, 'other'))
  expect(await drop()).toEqual([])
  memory.subscribe(b => b.u64(30, 1n).string(2, 'one'))
  expect(await drop()).toEqual([DROPS])
  memory.events[Symbol.dispose]()
})

test('SUBSCRIBE to unknown events is EINVAL, and to a vnet without events EOPNOTSUPP', async () => {
  const { subscribe } = listened()
  expect(() => subscribe(b => b.u64(30, 1n).u32(29, 0x80000001))).toThrow(
    /events: 0x80000001 is unknown/,
  )
  const vnet = vnetFamily({ devices: [], now: () => 0, netnsOf: () => undefined })
  expect(
    read(ask(new Map([[VNET_GENL_ID, vnet]]), request(VNET_GENL_ID, SUBSCRIBE))).acks,
  ).toMatchObject([{ error: -95 }])
})

test('a drops event is sent at each threshold, also after a reset; without a threshold drops are not polled', async () => {
  const memory = listened()
  const { dev, port } = await addDevice(memory, {}, { name: 'one' })
  const drop = async (count: number) =>
    (await memory.drop(port, count)).map(({ event, dropped }) => [event, dropped])
  memory.subscribe()
  expect([await drop(9), memory.clock.armed]).toEqual([[], 0])
  memory.subscribe(b => b.u64(30, 5n))
  expect(await drop(4)).toEqual([])
  const told = (dropped: number) => [[DROPS, dropped]]
  expect(await drop(1)).toEqual(told(14))
  expect(await drop(20)).toEqual(told(34))
  dev.resetStats()
  expect(await drop(4)).toEqual([])
  expect(await drop(2)).toEqual(told(6))
  // The highest threshold, and none.
  memory.subscribe(b => b.u64(30, 2n ** 64n - 1n))
  expect(await drop(9)).toEqual([])
  memory.subscribe(b => b.u64(30, 0n))
  expect([await drop(9), memory.clock.armed]).toEqual([[], 0])
})

test('each subscriber gets a drops event whenever drops reach its own threshold', async () => {
  const memory = listened()
  const { port } = await addDevice(memory, {}, { name: 'one' })
  for (const [who, threshold] of [2, 2, 3].entries()) {
    memory.events.subscribe(memory.callers[who]!, { dropThreshold: threshold })
  }
  const toldOf = async () => (await memory.drop(port, 2)).map(({ who, dropped }) => [who, dropped])
  expect(await toldOf()).toEqual([0, 1].map(who => [who, 2]))
  expect(await toldOf()).toEqual([0, 1, 2].map(who => [who, 4]))
  memory.events[Symbol.dispose]()
})

test('a device’s drops count from its registration, even if another client subscribes meanwhile', async () => {
  const memory = listened()
  const [one, other] = memory.callers as [Caller, Caller]
  memory.events.subscribe(one, { dropThreshold: 3 })
  const { port } = await addDevice(memory, {}, { name: 'one' })
  for (const octets of numbered(3)) {
    port.transmit(octets)
  }
  await turn()
  memory.events.subscribe(other, { dropThreshold: 1 })
  memory.told.length = 0
  memory.clock.advance(100 * MS)
  await turn()
  expect(memory.told.map(({ who, dropped }) => [who, dropped])).toEqual([[0, 3]])
  memory.events[Symbol.dispose]()
})

test('drops are sent in steps of 16 clients, with clients with rights apart, and without ended ones', async () => {
  const pending = new Set<Work>()
  const turns = {
    add: (work: Work) => void pending.add(work),
    delete: (work: Work) => void pending.delete(work),
  }
  const memory = listened({ turns: turns as unknown as Turns })
  const sent: number[] = []
  const callers = Array.from({ length: 40 }, (_, who): Caller => {
    const rights = {
      missing: undefined,
      missingToCapture: undefined,
      share: who,
      privileged: who === 39,
    }
    return { ...rights, onDrained: undefined, handOver() {}, notify: () => sent.push(who) > 0 }
  })
  for (const caller of callers) {
    memory.events.subscribe(caller, { events: 1 << DROPS, dropThreshold: 1 })
  }
  const { port } = await addDevice(memory, {}, { name: 'one' })
  const two = await addDevice(memory, {}, { name: 'two' })
  for (const each of [port, two.port]) {
    for (const octets of numbered(1)) {
      each.transmit(octets)
    }
  }
  await turn()
  memory.clock.advance(100 * MS)
  const [root, others, ...more] = [...pending] as [Work, Work]
  expect([root.privileged, others.privileged, more, sent]).toEqual([true, false, [], []])
  expect([others.step(), sent]).toEqual([true, Array.from({ length: 16 }, (_, who) => who)])
  memory.events.unsubscribe(callers[16]!)
  await unregisterNetdev(two.dev)
  // The next poll is due before this one has ended, which then continues.
  memory.clock.advance(100 * MS)
  while (others.step()) {}
  expect(sent.slice(16)).toEqual(Array.from({ length: 22 }, (_, i) => 17 + i))
  while (root.step()) {}
  expect(sent.at(-1)).toBe(39)
  memory.events[Symbol.dispose]()
  expect(pending.size).toBe(0)
})

test('drops are no longer polled once the last subscriber with a threshold has left', async () => {
  const memory = listened()
  const [one, other] = memory.callers as [Caller, Caller]
  memory.events.subscribe(one, { dropThreshold: 1 })
  memory.events.subscribe(other)
  expect(memory.clock.armed).toBe(1)
  memory.events.unsubscribe(one)
  expect([memory.events.subscribers, memory.clock.armed]).toEqual([[other], 0])
})

test('a subscriber that lost events is notified once, before the next event or when it has read everything', async () => {
  const memory = listened()
  const [caller] = memory.callers as [Caller]
  memory.events.subscribe(caller)
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
