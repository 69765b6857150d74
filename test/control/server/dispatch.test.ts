/** Replies to single requests, without sockets: the bytes that any client gets. */
import { readFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { type Caller, operation } from '#src/control/operations/operation.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { commands, VNET_GENL_ID, vnetAttributes } from '#src/control/protocol/family.ts'
import { queueCounterFields } from '#src/control/protocol/queue-counters.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { cutCable } from '#src/netdev/netif.ts'
import { RX_BYTES, TX_PACKETS } from '#src/netdev/stats.ts'
import {
  attributes,
  binary,
  decodeAttributes,
  genlmsghdr,
  indexedArray,
  MessageBuilder,
  messages,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_NOOP,
  nested,
  parseGenl,
  policy,
  required,
  string,
  u16,
  u32,
} from '#src/netlink/index.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { ask, read, request } from '#support/genl-request.ts'
import { addDevice, freshNet, memoryNets, numbered, sendAll, turn } from '#support/memory-net.ts'
import { GET_DEVICES, GET_STATS, only, served } from './dispatched.ts'

const memoryNet = memoryNets()
const memory = freshNet()
const defects: unknown[] = []

const all = (octets: Uint8Array) => [...messages(octets)]

describe('nlctrl', () => {
  const family = policy({
    id: u16(1),
    name: string(2),
    version: u32(3),
    hdrsize: u32(4),
    maxattr: u32(5),
    ops: indexedArray(6, policy({ id: u32(1), flags: u32(2) })),
    groups: indexedArray(7, policy({ name: string(1), id: u32(2) })),
  })
  const vnet_nl = {
    id: VNET_GENL_ID,
    name: 'vnet_nl',
    version: 1,
    hdrsize: 0,
    maxattr: Math.max(...Object.values(vnetAttributes).map(({ type }) => type)),
    // Commands that change something have GENL_ADMIN_PERM, 1.
    ops: [
      { id: 1, flags: 0x0a },
      { id: GET_DEVICES, flags: 0x0e },
      { id: GET_STATS, flags: 0x0e },
      { id: 4, flags: 0x0b },
      { id: 5, flags: 0x0b },
      { id: 6, flags: 0x0e },
      { id: 7, flags: 0x0b },
      { id: 8, flags: 0x0b },
      { id: 9, flags: 0x0a },
      { id: 10, flags: 0x0a },
      { id: 13, flags: 0x0c },
      { id: 14, flags: 0x0b },
      { id: 15, flags: 0x0b },
      { id: 16, flags: 0x0c },
      { id: 17, flags: 0x0b },
      { id: 18, flags: 0x0a },
      { id: 19, flags: 0x0b },
      { id: 20, flags: 0x0c },
      { id: 21, flags: 0x0b },
      { id: 22, flags: 0x0a },
      { id: 23, flags: 0x0c },
      { id: 24, flags: 0x0c },
    ],
    groups: [{ name: 'events', id: 0x766e6574 }],
  }

  test('nlctrl returns the message type of vnet_nl by its name, followed by an acknowledgement', async () => {
    const { families } = await served(memoryNet())
    const sent = ask(
      families,
      request(0x10, 3, { flags: NLM_F_ACK, write: b => b.string(2, 'vnet_nl') }),
    )
    expect(sent.datagrams.map(octets => all(octets).length)).toEqual([1, 1])
    expect(parseGenl(sent.datagrams[0]!, all(sent.datagrams[0]!)[0]!)).toMatchObject({
      cmd: 1,
      version: 2,
    })
    expect(read(sent, family)).toEqual({ answers: [vnet_nl], acks: [{ error: 0 }] })
  })

  test('nlctrl finds a family by number, and its dump has every family', async () => {
    const { families } = await served(memoryNet())
    expect(
      read(ask(families, request(0x10, 3, { write: b => b.u16(1, VNET_GENL_ID) })), family).answers,
    ).toEqual([vnet_nl])
    const { answers, acks } = read(ask(families, request(0x10, 3, { flags: NLM_F_DUMP })), family)
    expect(answers.map(({ name }) => name)).toEqual(['nlctrl', 'vnet_nl'])
    expect(acks).toEqual([{ error: 0 }])
  })

  test('GETPOLICY returns the policy of each command and the attributes of each policy', async () => {
    const { families } = await served(memoryNet())
    const policyOf = (write: (b: MessageBuilder) => unknown) =>
      read(
        ask(families, request(0x10, 10, { flags: NLM_F_DUMP, write })),
        policy({ id: u16(1), all: binary(8), ops: binary(9) }),
      )
    const { answers, acks } = policyOf(b => b.string(2, 'vnet_nl'))
    expect(acks).toEqual([{ error: 0 }])
    expect(answers.every(({ id }) => id === VNET_GENL_ID)).toBe(true)
    /** Nested attributes by their numbers, `depth` levels deep. */
    const nest = (octets: Uint8Array, depth: number): unknown =>
      Object.fromEntries(
        [...attributes(octets)].map(({ type, offset, length }) => {
          const payload = octets.slice(offset, offset + length)
          return [type, depth === 0 ? new Uint32Array(payload.buffer)[0] : nest(payload, depth - 1)]
        }),
      )
    const [commands, policies] = [{}, {}] as Record<number, Record<number, unknown>>[]
    for (const { ops, all } of answers) {
      if (ops !== undefined) {
        Object.assign(commands!, nest(ops as Uint8Array, 1))
      }
      if (all === undefined) continue
      for (const [index, set] of Object.entries(nest(all as Uint8Array, 2) as object)) {
        policies![Number(index)] = { ...policies![Number(index)], ...set }
      }
    }
    const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]
    expect(Object.keys(commands!)).toEqual(numbers.map(String))
    const { 1: doit, 2: dumpit } = commands![GET_STATS]!
    expect(doit).toBe(dumpit)
    // A u32 is 4, a string 11 and binary 10, the latter two with their bounds.
    const device = { 1: { 1: 4 }, 2: { 1: 11, 7: 15 }, 3: { 1: 11, 7: 4096 } }
    expect(policies![doit as number]).toEqual({ ...device, 6: { 1: 4 } })
    expect(policies![commands![9]![1] as number]).toMatchObject({ 24: { 1: 10, 6: 40, 7: 40 } })

    const some = policyOf(b => b.u16(1, VNET_GENL_ID).u32(10, 1)).answers
    expect(some.map(({ ops }) => ops && nest(ops as Uint8Array, 1))).toEqual([
      { 1: { 1: 0 } },
      undefined,
    ])
    expect(policyOf(b => b.u16(1, VNET_GENL_ID).u32(10, 99)).acks).toMatchObject([{ error: -2 }])
    expect(policyOf(() => {}).acks).toEqual([
      { error: -22, message: 'the request names no family', missingType: 2 },
    ])
  })

  test.each([
    ['another name', (b: MessageBuilder) => b.string(2, 'ethtool')],
    ['another number', (b: MessageBuilder) => b.u16(1, 0x15)],
    [
      'a name and a number that are not one family’s',
      (b: MessageBuilder) => b.string(2, 'vnet_nl').u16(1, 0x10),
    ],
  ])('GETFAMILY of %s is ENOENT', async (_, write) => {
    const { families } = await served(memoryNet())
    const refused = { answers: [], acks: [{ error: -2, message: 'there is no such family' }] }
    expect(read(ask(families, request(0x10, 3, { write })), family)).toEqual(refused)
  })

  test('GETFAMILY without a name or a number is EINVAL', async () => {
    const { families } = await served(memoryNet())
    const { acks } = read(ask(families, request(0x10, 3)), family)
    expect(acks).toEqual([{ error: -22, message: 'the request names no family', missingType: 2 }])
  })
})

test('each operation has the handlers and the rights that docs/vnet_nl.yaml specifies', () => {
  const { list } = parse(
    readFileSync(new URL('../../../docs/vnet_nl.yaml', import.meta.url), 'utf8'),
  ).operations
  let last = 0
  const said = (list as { value?: number; do?: object; dump?: object; flags?: string[] }[]).map(
    each => {
      last = each.value ?? last + 1
      const changes = each.flags?.includes('admin-perm') ?? false
      return [last, each.do !== undefined, each.dump !== undefined, changes]
    },
  )
  const { operations } = vnetFamily({ devices: [], now: () => 0, netnsOf: () => undefined })
  const done = operations.map(({ cmd, doit, dumpit, changes }) => [cmd, !!doit, !!dumpit, changes])
  // EVENT is not an operation.
  expect(done).toEqual(said.filter(([, ...can]) => can.includes(true)))
})

describe('GET_DEVICES', () => {
  /** An interface that is up, with the address that the platform gave it. */
  const link = (last: number) => ({
    carrier: true,
    cut: false,
    flags: 0x1003,
    mtu: 1500,
    mac: `02:00:00:00:00:0${last}`,
    faults: '',
    onSegment: false,
    router: false,
    attached: false,
    flips: false,
  })
  const one = { ifindex: 2, ifname: 'one', txQueues: 2, rxQueues: 1, ...link(2) }
  const two = { ifindex: 3, ifname: 'two', netns: 'red', txQueues: 1, rxQueues: 1, ...link(3) }

  test('a dump has all devices and their namespaces, in messages with NLM_F_MULTI', async () => {
    const { families } = await served(memoryNet())
    const sent = ask(
      families,
      request(VNET_GENL_ID, GET_DEVICES, { flags: NLM_F_DUMP | NLM_F_ACK, seq: 9 }),
    )
    expect(read(sent)).toEqual({ answers: [one, two], acks: [{ error: 0 }] })
    const found = sent.dumped.flatMap(all)
    expect(found.map(({ type }) => type)).toEqual([VNET_GENL_ID, VNET_GENL_ID, NLMSG_DONE])
    for (const { flags, seq } of found) {
      expect([flags & NLM_F_MULTI, seq]).toEqual([NLM_F_MULTI, 9])
    }
    expect(sent.datagrams).toEqual([])
  })

  test('a device is found by index, by name, and by name and namespace; without NLM_F_ACK no acknowledgement follows', async () => {
    const { families } = await served(memoryNet())
    const by = (write: (b: MessageBuilder) => unknown) =>
      read(ask(families, request(VNET_GENL_ID, GET_DEVICES, { write })))
    expect(by(b => b.u32(1, 3))).toEqual({ answers: [two], acks: [] })
    expect(by(b => b.string(2, 'one'))).toEqual({ answers: [one], acks: [] })
    expect(by(b => b.string(2, 'two').string(3, 'red'))).toEqual({ answers: [two], acks: [] })
    expect(by(b => b.string(2, 'one').string(3, 'red')).acks).toEqual([
      { error: -19, message: 'there is no such interface' },
    ])
    expect(by(() => {}).acks).toEqual([
      { error: -22, message: 'the request names no interface', missingType: 1 },
    ])
  })

  test('a device with a cut cable has no carrier, and the reply reports the cut', async () => {
    const { families, net } = await served(memoryNet())
    cutCable(net.devices[0] as NetDevice)
    const sent = ask(
      families,
      request(VNET_GENL_ID, GET_DEVICES, { write: b => b.string(2, 'one') }),
    )
    expect(read(sent).answers).toEqual([{ ...one, carrier: false, cut: true }])
  })

  test('among twin devices, a request means the one in the vnet’s own or in the named namespace', async () => {
    const { net } = await served(memoryNet())
    const [dev] = net.devices as [NetDevice]
    const places = new Map<NetDevice, string | undefined>()
    const twins = [undefined, 'red', 'blue'].map(place => {
      const twin: NetDevice = Object.create(dev)
      places.set(twin, place)
      return twin
    })
    const by = (devices: NetDevice[], write: (b: MessageBuilder) => unknown) => {
      const vnet = vnetFamily({ devices, now: () => 0, netnsOf: each => places.get(each) })
      return read(
        ask(
          only(vnet),
          request(VNET_GENL_ID, GET_DEVICES, { write: b => write(b.u32(1, dev.ifindex)) }),
        ),
      )
    }
    expect(by(twins.toReversed(), b => b).answers).toEqual([one])
    expect(by(twins, b => b.string(3, 'blue')).answers).toEqual([{ ...one, netns: 'blue' }])
    expect(by(twins.slice(1), b => b)).toEqual({
      answers: [],
      acks: [{ error: -76, message: 'there are several such interfaces: name the namespace' }],
    })
  })
})

describe('GET_STATS', () => {
  test('the reply has the counters of vnet and of the kernel and drops by reason, and the queues if requested', async () => {
    const { families, one } = await served(memoryNet())
    for (const [i, frame] of numbered(3).entries()) {
      one.port.transmit(frame, i === 0 ? 0 : 1)
    }
    await turn()
    const scope = (flags: number) =>
      request(VNET_GENL_ID, GET_STATS, {
        flags: NLM_F_DUMP,
        write: b => b.string(2, 'one').u32(6, flags),
      })
    const { answers } = read(ask(families, scope(0)))
    const [sum] = answers
    expect(answers).toHaveLength(1)
    expect(sum).toMatchObject({
      ifname: 'one',
      rxQueues: 1,
      drops: [{ direction: 'tx', reason: 'NOT_SPECIFIED', frames: 3 }],
    })
    expect(sum!.stats).toMatchObject({ txPackets: 3, txBytes: 180, txDropped: 3, rxPackets: 0 })
    expect(sum!.kernelStats).toMatchObject({ txPackets: 3, txBytes: 180, txDropped: 0 })
    expect(Object.keys(sum!.stats as object)).toHaveLength(25)

    const { answers: queues } = read(ask(families, scope(1)))
    expect(
      queues
        .slice(1)
        .map(({ queue, stats }) => [queue, (stats as { txPackets: number }).txPackets]),
    ).toEqual([
      [0, 1],
      [1, 2],
    ])
  })

  test.each([
    ['one', NLM_F_ACK],
    ['a dump', NLM_F_DUMP],
  ])('an unknown scope is EINVAL for %s', async (_, flags) => {
    const { families } = await served(memoryNet())
    const write = (b: MessageBuilder) => b.string(2, 'one').u32(6, 9)
    expect(read(ask(families, request(VNET_GENL_ID, GET_STATS, { flags, write })))).toMatchObject({
      answers: [],
      acks: [{ error: -22, message: 'scope: 0x8 is unknown', offset: 28 }],
    })
  })

  test("a dump of vnet's own statistics alone asks the kernel for nothing", async () => {
    const { families, one } = await served(memoryNet())
    const kernelStats = vi.spyOn(one.dev, 'kernelStats')
    const write = (b: MessageBuilder) => b.string(2, 'one').u32(6, 2)
    const { answers } = read(
      ask(families, request(VNET_GENL_ID, GET_STATS, { flags: NLM_F_DUMP, write })),
    )
    expect(answers).toHaveLength(1)
    expect(answers[0]).toMatchObject({ ifname: 'one', stats: expect.anything() })
    expect(answers[0]).not.toHaveProperty('kernelStats')
    expect(kernelStats).not.toHaveBeenCalled()
  })

  test("a dump of vnet's own statistics alone omits zeros, and the client fills them in", async () => {
    const { families, one } = await served(memoryNet())
    one.dev.counters.rows[TX_PACKETS] = 5
    const write = (b: MessageBuilder) => b.string(2, 'one').u32(6, 2)
    const bytes = ask(families, request(VNET_GENL_ID, GET_STATS, { flags: NLM_F_DUMP, write }))
    one.dev.counters.rows[TX_PACKETS] = 0
    const { type } = vnetAttributes.stats
    const counters = Object.fromEntries(
      ['held', ...queueCounterFields].map(name => [
        name,
        binary(vnetAttributes[name as 'held'].type),
      ]),
    )
    const [raw] = read(bytes, policy({ stats: binary(type), ...counters })).answers
    expect(Array.from(attributes(raw?.stats as Uint8Array), ({ type }) => type)).toEqual([
      TX_PACKETS + 1,
    ])
    expect(Object.keys(raw ?? {})).toEqual(['stats'])
    const [decoded] = read(bytes).answers
    expect(decoded).toMatchObject({
      stats: { txPackets: 5, rxPackets: 0, txBytes: 0 },
      drops: [],
      held: 0,
      made: 0,
    })
  })

  test('requeues, timeouts and merged and made frames are sums for the device, and separate for each queue', async () => {
    const { families, one } = await served(memoryNet())
    Object.assign(one.dev.tx[0]!, { requeues: 2, transTimeout: 1 })
    Object.assign(one.dev.tx[1]!, { requeues: 3 })
    one.dev.counters.groMerged[0] = 4
    one.dev.counters.made.set([1, 2])
    const write = (b: MessageBuilder) => b.string(2, 'one').u32(6, 1)
    const { answers } = read(
      ask(families, request(VNET_GENL_ID, GET_STATS, { flags: NLM_F_DUMP, write })),
    )
    expect(answers).toMatchObject([
      { requeues: 5, txTimeouts: 1, groMerged: 4, made: 3, held: 0 },
      { requeues: 2, txTimeouts: 1, groMerged: 4, made: 1 },
      { requeues: 3, txTimeouts: 0, groMerged: 0, made: 2 },
    ])
    one.dev.counters.groMerged[0] = 0
    one.dev.counters.made.fill(0)
  })

  test('queue counters have the moment of the sums, however late the client reads them', async () => {
    const { one, families } = await served(memoryNet())
    const { dumpit } = families.get(VNET_GENL_ID)!.operations.find(({ cmd }) => cmd === GET_STATS)!
    const asked = new MessageBuilder().message(VNET_GENL_ID, 0, 0).string(2, 'one').u32(6, 1).bytes
    const counted: unknown[] = []
    for (const write of dumpit!(asked, 16, asked.length - 16, { privileged: true } as Caller)) {
      sendAll(one.port, ...numbered(1))
      const builder = new MessageBuilder().message(VNET_GENL_ID, 0, 0)
      write(builder)
      counted.push(decodeAttributes(commands.getStats.reply, builder.bytes, 16).stats.txPackets)
    }
    expect(counted).toEqual([0, 0, 0])
    expect(one.dev.getStats64()[TX_PACKETS]).toBe(3)
  })

  test('held counts the frames that the driver has not released', async () => {
    const kept: SkBuff[] = []
    const one = await addDevice(
      memory,
      { ndoStartXmit: skb => void kept.push(skb) },
      { name: 'one' },
    )
    const vnet = vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf: () => undefined })
    const held = () =>
      read(
        ask(
          only(vnet),
          request(VNET_GENL_ID, GET_STATS, { write: b => b.u32(1, one.dev.ifindex) }),
        ),
      ).answers[0]!.held
    sendAll(one.port, ...numbered(3))
    expect(held()).toBe(3)
    for (const skb of kept) {
      skb.drop()
    }
    expect(held()).toBe(0)
  })

  test('the reply has the time at which the statistics were read', async () => {
    await addDevice(memory, {}, { name: 'one' })
    const vnet = vnetFamily({
      devices: memory.net.devices,
      netnsOf: () => undefined,
      now: () => 1_800_000_000_123,
    })
    const { answers } = read(
      ask(only(vnet), request(VNET_GENL_ID, GET_STATS, { write: b => b.string(2, 'one') })),
    )
    expect(answers).toMatchObject([{ time: 1_800_000_000_123 }])
  })

  test('a request for one device gets one message', async () => {
    const { families } = await served(memoryNet())
    const { answers, acks } = read(
      ask(families, request(VNET_GENL_ID, GET_STATS, { write: b => b.u32(1, 2) })),
    )
    expect(answers).toMatchObject([{ ifname: 'one', drops: [] }])
    expect(acks).toEqual([])
  })

  test('an invalid counter of a driver is sent as 0, and one beyond 2^53 as the nearest number', async () => {
    const { families, one } = await served(memoryNet())
    one.dev.netdevOps = {
      ...one.dev.netdevOps,
      ndoGetStats64(_, stats) {
        stats.set([Number.NaN, 2 ** 60, -1, 1.5, Number.POSITIVE_INFINITY, 2 ** 70])
      },
    }
    const { answers } = read(
      ask(families, request(VNET_GENL_ID, GET_STATS, { write: b => b.u32(1, 2) })),
    )
    expect(Object.values(answers[0]!.stats as object).slice(0, 6)).toEqual([
      0,
      2 ** 60,
      0,
      1,
      0,
      2 ** 64,
    ])
    expect([RX_BYTES, TX_PACKETS]).toEqual([2, 1])
  })

  test('a long dump comes in parts of whole messages and has every queue once', async () => {
    await addDevice(memory, {}, { name: 'wide', txqs: 256, rxqs: 256 })
    const vnet = vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf: () => undefined })
    const sent = ask(
      only(vnet),
      request(VNET_GENL_ID, GET_STATS, { flags: NLM_F_DUMP, write: b => b.u32(6, 1) }),
    )
    expect(sent.dumped.length).toBeGreaterThan(8)
    for (const octets of sent.dumped) {
      expect(octets.length).toBeLessThan(16_384)
    }
    const queues = read(sent).answers.slice(1)
    expect(queues.map(({ queue }) => queue)).toEqual(Array.from({ length: 256 }, (_, q) => q))
  })
})

describe('a refusal', () => {
  test.each([
    ['another family', request(0x20, 2), { error: -2, message: 'there is no family 32' }],
    [
      'another command',
      request(VNET_GENL_ID, 99),
      { error: -95, message: 'command 99 of vnet_nl is unknown' },
    ],
    [
      'an unknown attribute, with its place',
      request(VNET_GENL_ID, GET_DEVICES, { write: b => b.u32(1, 2).u32(77, 0) }),
      { error: -22, message: 'unknown attribute type 77', offset: 28 },
    ],
    [
      'an attribute of another length',
      request(VNET_GENL_ID, GET_STATS, { flags: NLM_F_DUMP, write: b => b.u16(1, 2) }),
      { error: -22, message: 'ifindex: has 2 bytes, not 4', offset: 20 },
    ],
    [
      'a name that no interface can have',
      request(VNET_GENL_ID, GET_STATS, { write: b => b.string(2, 'a'.repeat(16)) }),
      { error: -22, message: 'ifname: has 16 bytes, more than 15', offset: 20 },
    ],
    [
      'a message without a generic header',
      new MessageBuilder().message(VNET_GENL_ID, NLM_F_REQUEST, 1).bytes,
      { error: -22, message: '0 bytes are too few for a generic header', offset: 0 },
    ],
  ])('%s', async (_, octets, ack) => {
    const { families } = await served(memoryNet())
    expect(read(ask(families, octets))).toEqual({ answers: [], acks: [ack] })
  })

  test('the place of a wrong attribute is counted from its request, not from the first of several', async () => {
    const { families } = await served(memoryNet())
    const right = request(VNET_GENL_ID, GET_DEVICES, { write: b => b.u32(1, 2) })
    const wrong = request(VNET_GENL_ID, GET_DEVICES, { write: b => b.u32(77, 0) })
    const { answers, acks } = read(ask(families, new Uint8Array([...right, ...wrong])))
    expect(answers).toMatchObject([{ ifname: 'one' }])
    expect(acks).toEqual([{ error: -22, message: 'unknown attribute type 77', offset: 20 }])
  })

  test('a missing attribute is reported by its type and by the place of the nest that lacks it', () => {
    const inner = policy({ id: required(u32(7)) })
    const needs = policy({ one: required(u32(3)), nest: nested(4, inner) })
    const needy = operation({ cmd: 1, request: needs }, { doit: () => undefined })
    const families = only({ id: 0x21, name: 'x', version: 1, maxattr: 4, operations: [needy] })
    const acks = (write: (b: MessageBuilder) => unknown) =>
      read(ask(families, request(0x21, 1, { write }))).acks
    expect(acks(() => {})).toEqual([{ error: -22, message: 'one: is missing', missingType: 3 }])
    expect(acks(b => b.u32(3, 1).nested(4, () => {}))).toEqual([
      { error: -22, message: 'nest.id: is missing', missingType: 7, missingNest: 28 },
    ])
  })

  test('a request of maximum length gets a reply, and replies repeat the port id', async () => {
    const { families } = await served(memoryNet())
    const text = policy({ text: binary(1) })
    const long = request(VNET_GENL_ID, 1, {
      write: b => b.binary(1, new Uint8Array(65_530).fill(65)),
    })
    expect((read(ask(families, long), text).answers[0]!.text as Uint8Array).length).toBe(65_531)
    const { datagrams } = ask(
      families,
      request(VNET_GENL_ID, 1, { flags: NLM_F_ACK, write: b => b.string(1, 'x') }),
    )
    expect(datagrams.flatMap(all).map(({ portid }) => portid)).toEqual([4242, 4242])
  })

  test('a message that is not a request is acknowledged if it has NLM_F_ACK, and ignored otherwise', async () => {
    const { families } = await served(memoryNet())
    const octets = (flags: number) =>
      new MessageBuilder().message(VNET_GENL_ID, flags, 1).payload(genlmsghdr(2, 1)).bytes
    expect(ask(families, octets(0))).toEqual({ datagrams: [], dumped: [] })
    expect(read(ask(families, octets(NLM_F_ACK)))).toEqual({ answers: [], acks: [{ error: 0 }] })
    // Netlink's own messages are ignored, too.
    expect(
      ask(families, new MessageBuilder().message(NLMSG_NOOP, NLM_F_REQUEST, 1).bytes).datagrams,
    ).toEqual([])
  })
})

test('an exception of an operation is EIO for the client, also in the middle of a dump, and is reported', () => {
  const failing = operation(
    { cmd: 1, request: policy({}) },
    {
      doit() {
        throw new TypeError('a defect')
      },
      *dumpit() {
        yield () => {}
        throw new TypeError('a defect of a dump')
      },
    },
  )
  const families = only({ id: 0x21, name: 'x', version: 1, maxattr: 0, operations: [failing] })
  const eio = { error: -5, message: 'the driver failed to answer' }
  const onDefect = (error: unknown) => void defects.push(error)
  expect(read(ask(families, request(0x21, 1), { onDefect })).acks).toEqual([eio])
  expect(read(ask(families, request(0x21, 1, { flags: NLM_F_DUMP }), { onDefect })).acks).toEqual([
    eio,
  ])
  expect(defects.splice(0).map(String)).toEqual([
    'TypeError: a defect',
    'TypeError: a defect of a dump',
  ])
})
