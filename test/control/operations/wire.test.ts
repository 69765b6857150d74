/** GET_WIRE, SET_WIRE and GET_SCENARIO from the cable to the client, and the events of changes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { ControlClient, type DeviceEvent, type Entry, serveControl } from '#src/control/index.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { wireText } from '#src/control/operations/wire.ts'
import { VNET_GENL_ID, VNET_WIRE_TEXT_MAX, vnetAttributes } from '#src/control/protocol/family.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { loadNative } from '#src/linux/native.ts'
import { defaultParams } from '#src/netdev/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devOpen } from '#src/netdev/netif.ts'
import { type MessageBuilder, NLM_F_ACK } from '#src/netlink/index.ts'
import { parseScenario } from '#src/wire/scenario-file.ts'
import { LinuxWireResources } from '#src/wire/wire-resources.node.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { ask, read, request } from '#support/genl-request.ts'
import { addDevice, addDriver, memoryNets, numbered } from '#support/memory-net.ts'
import { wireReadings } from '#support/wire-readings.ts'

const memoryNet = memoryNets()
const native = loadNative()
const MS = 1_000_000
const SET_WIRE = 17
const DIRECTION = vnetAttributes.wireDirection.type
const TEXT = vnetAttributes.wireText.type
const NONE = { dropped: 0, duplicated: 0, corrupted: 0, reordered: 0, marked: 0 }

const root = freshDirectory()
const ends = endedAfterEach<Disposable>()

/** A vnet with a cable and another device, and a client. */
async function served(
  params: { wire?: string; wireAb?: string; wireBa?: string; scenario?: string } = {},
  down = false,
) {
  const memory = memoryNet()
  const { devices, ports } = await addDriver(
    memory,
    cable,
    { ...defaultParams(cable.params), ...params, seed: 7 },
    { args: ['a', 'b'], down, wireResources: new LinuxWireResources(parseScenario) },
  )
  const other = await addDevice(memory, {}, { name: 'lo7' })
  const module = { name: 'loop', params: {}, values: {} }
  ends.push(
    serveControl(native, memory.net, {
      module,
      directory: join(root, 'vnet'),
      now: () => 1_800_000_000_000,
    }),
  )
  const client = new ControlClient(native)
  ends.push(client)
  const [a, b] = devices.map(({ ifindex, name }) => ({ ifindex, name })) as [NetDevice, NetDevice]
  const [entry] = readDirectories(namedDirectory(join(root, 'vnet')))
  const send = (n: number) => {
    for (const octets of numbered(n)) {
      ports[0]?.transmit(octets)
    }
    ports[0]?.drain()
  }
  return {
    ...memory,
    client,
    a,
    b,
    other: other.dev,
    devices,
    send,
    to: ports[1]!,
    vnet: (entry as Entry).vnet,
  }
}

test("a device's wires are reported as their spec in both directions, and their stages with counts", async () => {
  const { client, vnet, a, b, send, clock } = await served({ wireAb: 'delay 20ms | loss 100%' })
  send(3)
  const delay = {
    stage: 'delay',
    path: '',
    direction: 'ab',
    text: 'delay 20ms',
    in: 3,
    drops: {},
    ...NONE,
  }
  const before = await client.wire(vnet, a)
  expect(before).toMatchObject({
    time: 1_800_000_000_000,
    text: { ab: 'delay 20ms | loss 100%', ba: '' },
  })
  expect(before.stages).toMatchObject([
    { ...delay, out: 0, held: 3, holds: true },
    { stage: 'loss', in: 0, out: 0, held: 0, holds: false },
  ])
  clock.advance(20 * MS)
  const after = await client.wire(vnet, b)
  expect(after.stages).toMatchObject([
    { ...delay, out: 3, held: 0, late: { p50: expect.any(Number), p99: expect.any(Number) } },
    { stage: 'loss', direction: 'ab', in: 3, out: 0, held: 0, dropped: 3, drops: { loss: 3 } },
  ])
  expect(after.stages[1]).not.toHaveProperty('late')
})

test('lateness is in milliseconds at the client', async () => {
  const { client, vnet, a, send, clock } = await served({ wireAb: 'delay 20ms' })
  send(3)
  const now = clock.now.bind(clock)
  // The alarm rings 2 ms late. A lateness is known to an eighth.
  vi.spyOn(clock, 'now').mockImplementation(() => now() + 2 * MS)
  clock.advance(20 * MS)
  const [stage] = (await client.wire(vnet, a)).stages
  expect(stage?.late?.p50).toBeCloseTo(2, 0)
  expect(stage?.late?.p99).toBeCloseTo(2, 0)
  expect(stage?.late?.counts).toEqual([[expect.closeTo(2, 0), 3]])
})

test('a new wire spec replaces the stages of one or both directions, and held packets arrive', async () => {
  const { client, vnet, a, send, clock, to } = await served({ wire: 'duplicate 100% delay 20ms' })
  const words = async () => (await client.wire(vnet, a)).text
  send(2)
  await client.setWire(vnet, a, 'loss 100%')
  expect(await words()).toEqual({ ab: 'loss 100%', ba: 'loss 100%' })
  await client.setWire(vnet, a, 'delay 1ms', { direction: 'ba' })
  expect(await words()).toEqual({ ab: 'loss 100%', ba: 'delay 1ms' })
  send(1)
  await client.setWire(vnet, a, undefined, { direction: 'ab' })
  expect(await words()).toEqual({ ab: '', ba: 'delay 1ms' })
  await client.setWire(vnet, a, undefined)
  expect(await client.wire(vnet, a)).toMatchObject({
    text: { ab: '', ba: '' },
    stages: [{ stage: 'delay', direction: 'ab', held: 4 }],
  })
  expect(to.received).toHaveLength(0)
  clock.advance(20 * MS)
  await Promise.resolve()
  expect(to.received).toHaveLength(4)
  const { stages, former } = await client.wire(vnet, a)
  expect(stages).toEqual([])
  // Replaced stages that only duplicated are not reported.
  expect(former).toMatchObject([
    { stage: 'loss', direction: 'ab', text: 'loss 100%', dropped: 1, drops: { loss: 1 } },
  ])
  expect(former?.[0]).not.toHaveProperty('former')
})

test('the client and the vnet read a new wire spec once, and only the client compiles its filter, once', async () => {
  const { client, vnet, a } = await served()
  using readings = wireReadings()
  const spec = "match 'icmp' ( loss 1% ) else ( drop 'icmp' nth 3 )"
  await client.setWire(vnet, a, spec)
  expect([readings.reads, readings.compiled]).toEqual([2, 1])
  expect((await client.wire(vnet, a)).text).toEqual({ ab: spec, ba: spec })
})

test('a wrong spec is refused by the client and by the vnet, and changes neither direction', async () => {
  const { client, vnet, a, net } = await served({ wire: 'delay 20ms' })
  await expect(client.setWire(vnet, a, 'los 1%')).rejects.toMatchObject({
    name: expect.stringMatching('Error'),
    message: expect.stringContaining('los'),
  })
  const families = new Map([
    [VNET_GENL_ID, vnetFamily({ devices: net.devices, now: () => 0, netnsOf: () => undefined })],
  ])
  const set = (write: (b: MessageBuilder) => unknown, missing?: string) =>
    read(
      ask(
        families,
        request(VNET_GENL_ID, SET_WIRE, { flags: NLM_F_ACK, write }),
        missing === undefined ? {} : { missing },
      ),
    )
  const offset = 28
  expect(set(b => b.string(2, 'a').string(TEXT, 'los 1%')).acks).toMatchObject([
    { error: -22, message: expect.stringContaining('los'), offset },
  ])
  expect(set(b => b.string(2, 'a').u8(DIRECTION, 9).string(TEXT, 'loss 1%')).acks).toMatchObject([
    { error: -22, offset },
  ])
  expect(
    set(b => b.string(2, 'a').string(TEXT, 'l'.repeat(VNET_WIRE_TEXT_MAX + 1))).acks,
  ).toMatchObject([{ error: -22 }])
  expect(set(b => b.string(2, 'a').string(TEXT, 'loss 1%'), 'only root').acks).toMatchObject([
    { error: -1 },
  ])
  expect((await client.wire(vnet, a)).text).toEqual({ ab: 'delay 20ms', ba: 'delay 20ms' })
  expect(set(b => b.string(2, 'a').string(TEXT, 'loss 1%')).acks).toEqual([{ error: 0 }])
})

test('a device without a wire is EOPNOTSUPP, and the error says how to find a driver with one', async () => {
  const { client, vnet, other } = await served()
  const error = {
    code: 'EOPNOTSUPP',
    message: expect.stringContaining('loop has no wire: use a driver whose --help lists --wire'),
  }
  await expect(client.wire(vnet, other)).rejects.toMatchObject(error)
  await expect(client.setWire(vnet, other, 'loss 1%')).rejects.toMatchObject(error)
})

test('each end of a cable gets an event for each direction whose spec changed, and one line is logged', async () => {
  const { client, vnet, a, lines } = await served({ wireAb: 'loss 1%' })
  const events: DeviceEvent[] = []
  const subscription = await client.subscribe(vnet, event => events.push(event), {
    events: ['wire'],
  })
  await client.setWire(vnet, a, 'loss 1%')
  await client.setWire(vnet, a, undefined, { direction: 'ab' })
  await client.setWire(vnet, a, undefined, { direction: 'ab' })
  await subscription.close()
  const seen = events.map(({ name, event, direction, text: words }) => [
    name,
    event,
    direction,
    words,
  ])
  expect(seen).toEqual([
    ['a', 'wire', 'ba', 'loss 1%'],
    ['b', 'wire', 'ba', 'loss 1%'],
    ['a', 'wire', 'ab', ''],
    ['b', 'wire', 'ab', ''],
  ])
  expect(lines.filter(line => line.startsWith('a: wire'))).toEqual([
    'a: wire ba: loss 1%',
    'a: wire ab: off',
  ])
})

test('a reported wire spec is one line of printable text that fits an attribute', () => {
  expect(wireText('a\nb\0c\x1b[31m')).toBe('a\\x0ab\\x00c\\x1b[31m')
  expect(wireText('loss 1%')).toBe('loss 1%')
  const cut = wireText('ä'.repeat(VNET_WIRE_TEXT_MAX))
  expect([Buffer.byteLength(cut) <= VNET_WIRE_TEXT_MAX, cut.endsWith('ä ...')]).toEqual([
    true,
    true,
  ])
})

test('GET_SCENARIO returns the steps of a scenario as text, and when its time 0 was', async () => {
  const file = join(root, 'outage\x1b.yaml')
  const steps = [
    '{ at: 0s, wire: loss 5% }',
    '{ at: 1500ms, wire-ab: delay 5ms, wire-ba: off }',
    '{ at: 2s, carrier: off }',
    '{ at: 3s, wire: off, carrier: on }',
  ]
  writeFileSync(file, `repeat: 1min\nsteps:\n${steps.map(step => `  - ${step}\n`).join('')}`)
  const { client, vnet, a, b, other, devices, clock } = await served({ scenario: file }, true)
  const scenario = {
    file: file.replace('\x1b', '\\x1b'),
    started: undefined,
    repeat: 60_000,
    steps: [
      { at: 0, text: 'wire loss 5%' },
      { at: 1500, text: 'wire ab delay 5ms, wire ba off' },
      { at: 2000, text: 'carrier off' },
      { at: 3000, text: 'wire off, carrier on' },
    ],
  }
  expect(await client.scenario(vnet, a)).toEqual(scenario)
  for (const dev of devices) {
    await devOpen(dev)
  }
  clock.advance(250 * MS)
  for (const end of [a, b]) {
    expect(await client.scenario(vnet, end)).toEqual({
      ...scenario,
      started: 1_800_000_000_000 - 250,
    })
  }
  await expect(client.scenario(vnet, other)).rejects.toMatchObject({ code: 'EOPNOTSUPP' })
})

test('GET_SCENARIO of a wire without a scenario is refused', async () => {
  const { client, vnet, a } = await served()
  await expect(client.scenario(vnet, a)).rejects.toThrow(/EOPNOTSUPP.*the wire has no scenario/)
})
