import { expect, test } from 'vitest'
import { pairSeed } from '#src/base/random.ts'
import { driver } from '#src/drivers/cable.ts'
import type { WireResources } from '#src/netdev/device-wire.ts'
import type { DriverContext } from '#src/netdev/driver.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import type { DirectedWire } from '#src/wire/directed-wire.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import { directedWires } from '#src/wire/params.ts'
import { LinuxWireResources } from '#src/wire/wire-resources.node.ts'
import { lanDriver } from '#support/lan-driver.ts'
import { addDevice, addDriver, memoryNets } from '#support/memory-net.ts'
import { wireReadings } from '#support/wire-readings.ts'

const makeNet = memoryNets()

test.each([
  [{ wire: 'los 1%' }, '--wire'],
  [{ wire: 'loss 1%', wireAb: 'los 1%' }, '--wire-ab'],
  [{ wireBa: 'los 1%' }, '--wire-ba'],
])('wrong words in %j are an error that names %s', async (params, option) => {
  await expect(addDriver(makeNet(), driver, params, { args: ['a', 'b'] })).rejects.toThrow(
    `${option}: 'los' is not a word of a wire; did you mean 'loss'?\n  los 1%\n  ^^^`,
  )
})

test.each([
  [{ wireAb: 'los 1%', wireBa: undefined }, '--wire-in'],
  [{ wireAb: undefined, wireBa: 'los 1%' }, '--wire-out'],
])('wrong words for an attachment in %j are an error that names %s', async (texts, option) => {
  const memory = makeNet()
  const { dev } = await addDevice(memory)
  const params = {
    ...texts,
    wire: undefined,
    log: undefined,
    scenario: undefined,
    stage: undefined,
    seed: 1,
  }
  const end = { wire: { push: (skb: SkBuff) => skb.free() } }
  const context = { net: memory.net } as unknown as DriverContext
  expect(() => directedWires(params, context, end, end, { attached: dev })).toThrow(
    `${option}: 'los' is not a word`,
  )
})

test('an error of --wire keeps its cause, a file that cannot be read, and points at the file', async () => {
  const net = addDriver(
    makeNet(),
    driver,
    { wire: 'loss 1% | trace none.up' },
    { args: ['a', 'b'] },
  )
  const error = await net.catch(error => error)
  expect(error.message).toMatch(/^--wire: none\.up: .*\n {2}loss 1% \| trace none\.up\n {18}\^{7}$/)
})

test('a preset is the uplink of the first interface and the downlink of the second', async () => {
  const { devices } = await addDriver(
    makeNet(),
    driver,
    { wire: 'preset dsl' },
    { args: ['a', 'b'] },
  )
  const [a] = devices
  const wires = a?.netdevOps.ndoGetWires?.(a) ?? []
  expect(wires.map(wire => [wire.direction, wire.report().map(({ text }) => text)])).toEqual([
    ['ab', ['rate 384kbit limit 24kb', 'delay 25ms']],
    ['ba', ['rate 1.5mbit limit 96kb', 'delay 25ms']],
  ])
})

test('an attachment receives the downlink of a preset, even by a change and by a scenario', async () => {
  const memory = makeNet()
  const { dev } = await addDevice(memory)
  const [up, down] = [
    ['rate 384kbit limit 24kb', 'delay 25ms'],
    ['rate 1.5mbit limit 96kb', 'delay 25ms'],
  ]
  const texts = (stages: readonly { readonly text?: string }[]) => stages.map(({ text }) => text)
  const inScenario: unknown[] = []
  const scenario: NonNullable<WireResources['scenario']> = (_, parse) => {
    for (const direction of ['ab', 'ba'] as const) {
      inScenario.push(
        texts((parse('preset dsl', direction) as { stages: readonly object[] }).stages),
      )
    }
    return { steps: [], hasSides: true } as never
  }
  const none = { wireAb: undefined, wireBa: undefined, log: undefined, stage: undefined, seed: 1 }
  const end = { wire: { push: (skb: SkBuff) => skb.free() } }
  const context = {
    net: memory.net,
    wireResources: { ...noResources, scenario },
  } as unknown as DriverContext
  const wires = directedWires(
    { ...none, wire: 'preset dsl', scenario: 'file' },
    context,
    end,
    end,
    { attached: dev },
  )
  expect(wires.map(wire => texts(wire.report()))).toEqual([down, up])
  expect(inScenario).toEqual([down, up])
  for (const wire of wires) {
    wire.change('loss 1%', noResources)
  }
  for (const wire of wires) {
    wire.change('preset dsl', noResources)
  }
  expect(wires.map(wire => texts(wire.report()))).toEqual([down, up])
})

// It counts calls of libpcap.
test
  .runIf(process.platform === 'linux')
  .each([
    { wire: "match 'icmp' ( loss 1% )" },
    { wireAb: "match 'icmp' ( loss 1% )", wireBa: "match 'icmp' ( loss 1% )" },
  ])(
  'the same text of both directions, %j, is read once and its filter compiled once',
  async params => {
    using readings = wireReadings()
    const wireResources = new LinuxWireResources()
    const { devices } = await addDriver(makeNet(), driver, params, {
      args: ['a', 'b'],
      wireResources,
    })
    expect([readings.reads, readings.compiled]).toEqual([1, 1])
    const text = "match 'icmp' ( loss 1% )"
    expect(devices[0]?.wires.map(wire => wire.text)).toEqual([text, text])
  },
)

test('the seed of both wires is logged once, and only if a wire has stages', async () => {
  const [plain, lossy] = [makeNet(), makeNet()]
  await addDriver(plain, driver, { seed: 14 }, { args: ['a', 'b'] })
  await addDriver(lossy, driver, { seed: 14, wire: 'loss 1%' }, { args: ['a', 'b'] })
  const seeds = ({ lines }: typeof plain) => lines.filter(line => line.includes('seed'))
  expect([seeds(plain), seeds(lossy)]).toEqual([[], ['wire: seed 14']])
})

test('the ports of a lan share the seed that is logged, and draw numbers of their own', async () => {
  const memory = makeNet()
  const { devices } = await addDriver(
    memory,
    lanDriver(),
    { wire: 'loss 1%' },
    { args: ['eth8', 'eth9'] },
  )
  const [one, other] = devices.map(dev => dev.netdevOps.ndoGetWires?.(dev)[0] as DirectedWire)
  const seeds = memory.lines.filter(line => line.includes('seed'))
  expect(seeds).toEqual([`wire: seed ${one?.seed}`, `wire: seed ${one?.seed}`])
  expect(other?.seed).toBe(pairSeed(one?.seed ?? 0, 1))
})

test('no two lan ports have the same seed, even with different lan seeds', () => {
  const seeds = Array.from({ length: 100 }, (_, seed) =>
    [0, 1, 2, 3].map(nth => pairSeed(seed + 1, nth)),
  )
  expect(seeds.map(([first]) => first)).toEqual(seeds.map((_, i) => i + 1))
  expect(new Set(seeds.flat()).size).toBe(400)
})
