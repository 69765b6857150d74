/**
 * Conservation, as in conservation.test.ts, in chains of all stages, with frames of all kinds,
 * changes, alarms, a cut cable and the end, all random.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { cutCable, plugCable } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { CHECKSUM_PARTIAL } from '#src/skb/sk-buff.ts'
import type { DirectedWire, Impairment, LimitSpec, QueueKind } from '#src/wire/index.ts'
import * as wire from '#src/wire/index.ts'
import { parseWire } from '#src/wire/parse.ts'
import { addDriver, memoryNets } from '#support/memory-net.ts'
import { SEED, scaled } from '#support/scale.ts'
import { TestWire } from '#support/wire.ts'
import { expectConserved, frames, LINK, odd, ownStage, resources, time } from './all-frames.ts'
import { EXAMPLES, exampleText } from './grammar/examples.ts'

const MS = NSEC_PER_MSEC

// Stages.

const share = fc.constantFrom(0, 0.01, 0.3, 0.9, 1)

const limit: fc.Arbitrary<LimitSpec> = fc.constantFrom<LimitSpec>(
  { packets: 1000 },
  { packets: 5 },
  { packets: 0 },
  { bytes: 20_000 },
  { packets: 50, bytes: 3000 },
  { frames: 4 },
)

const queue: fc.Arbitrary<QueueKind> = fc.oneof(
  fc.constantFrom<QueueKind>('tail', 'head'),
  fc.boolean().map(ecn => wire.codel({ target: 1, interval: 5, ecn })),
  fc.boolean().map(ecn => wire.codel({ target: 1, interval: 5, ecn, ceThreshold: 1 })),
  fc.boolean().map(ecn => wire.fqCodel({ target: 1, interval: 5, ecn, quantum: 300 })),
  fc.constant(wire.dualpi2({ target: 1, step: 0.1 })),
  fc.boolean().map(ecn => wire.pie({ target: 1, tupdate: 1, ecn })),
  fc.boolean().map(ecn => wire.red({ min: 2000, weight: 0.2, probability: 0.5, ecn })),
)

const distribution = fc.constantFrom(
  'uniform' as const,
  'normal' as const,
  'pareto' as const,
  'paretonormal' as const,
)

const selection = fc.constantFrom<wire.WireFilter | wire.MatchOptions>(
  odd,
  { filter: odd, nth: 3 },
  { flow: 0.5 },
  { syn: true },
)

/** Made once: a delay with correlation computes for a while. */
const DELAYS = (['uniform', 'normal', 'pareto', 'paretonormal'] as const).flatMap(table => [
  wire.delay(1, { jitter: 1, correlation: 0.25, distribution: table }),
  wire.delay(1, {
    jitter: '10ns',
    distribution: table,
    reorder: { share: 0.5, gap: 2 },
    limit: { packets: 20 },
  }),
  wire.delay(20, { jitter: 20, distribution: table, reorder: { share: 0.1, correlation: 0.5 } }),
])

const leaf: fc.Arbitrary<Impairment> = fc.oneof(
  fc.tuple(time, limit).map(([ns, spec]) => wire.delay(ns / MS, { limit: spec })),
  fc.constantFrom(...DELAYS),
  fc.tuple(share, fc.boolean()).map(([p, ecn]) => wire.loss(p, { correlation: p / 2, ecn })),
  fc.constantFrom(wire.policer('1mbit', 3000), wire.policer('100mbit', 20_000)),
  fc.constantFrom(
    wire.loss(0.2, { burst: 3 }),
    wire.lossEvery(3),
    wire.lossState({ p13: 0.2, p31: 0.5 }),
  ),
  fc.boolean().map(ecn => wire.lossGemodel({ p: 0.1, r: 0.5 }, { ecn })),
  share.map(p => wire.duplicate(p, { correlation: p / 2 })),
  share.map(p => wire.corrupt(p)),
  share.map(p => wire.corrupt(p, { at: 14 })),
  fc.tuple(fc.constantFrom(14, 20, 60, 1000), share).map(([bytes, p]) => wire.truncate(bytes, p)),
  fc
    .tuple(fc.constantFrom(1e4, 1e6, 1e8, 1e11), fc.constantFrom(0, 5000), limit, queue)
    .map(([bits, burst, spec, kind]) => wire.rate(bits, { burst, limit: spec, queue: kind })),
  fc
    .tuple(limit, queue)
    .map(([spec, kind]) =>
      wire.rate(1e7, { overhead: 8, cell: 48, cellOverhead: 5, limit: spec, queue: kind }),
    ),
  fc
    .tuple(time, fc.nat(3), limit)
    .map(([ns, packets, spec]) =>
      wire.slot({ min: ns / MS, max: (2 * ns) / MS, packets, limit: spec }),
    ),
  fc
    .tuple(distribution, limit)
    .map(([table, spec]) =>
      wire.slot({ distribution: table, delay: 1, jitter: 1, bytes: 3000, limit: spec }),
    ),
  fc
    .tuple(fc.constantFrom([1], [0, 0, 3, 7], [40]), fc.boolean(), limit, queue)
    .map(([times, once, spec, kind]) => wire.trace(times, { once, limit: spec, queue: kind })),
  fc
    .tuple(fc.boolean(), limit, queue)
    .map(([once, spec, kind]) => wire.trace(LINK, { once, limit: spec, queue: kind })),
  fc.constantFrom(
    wire.link('wifi', 'up'),
    wire.link('starlink', 'down', { limit: { packets: 5 } }),
  ),
  fc
    .tuple(fc.constantFrom(60, 576, 1500), fc.boolean())
    .map(([bytes, icmp]) => wire.mtu(bytes, { icmp })),
  fc.constantFrom(wire.partition, wire.blackhole).map(gate => gate()),
  limit.map(spec => wire.hold({ limit: spec })),
  fc
    .tuple(
      fc.constantFrom<wire.FaultAction>(
        'drop',
        'duplicate',
        'swap',
        'corrupt',
        'tamper',
        'ce',
        'reset',
        { delay: 1 },
      ),
      fc.constantFrom<wire.FaultWhen>(
        { first: 2 },
        { nth: 3 },
        { every: 2 },
        { every: 1, after: 1 },
      ),
      fc.boolean(),
    )
    .map(([action, when, filtered]) => wire.fault(action, filtered ? odd : undefined, when)),
  fc
    .tuple(fc.constantFrom<wire.FaultAction>('fin', 'reset', 'mute'), fc.nat(4000))
    .map(([action, byte]) => wire.fault(action, undefined, { byte })),
  fc.constant(ownStage()),
)

/** A stage of any kind, from a text. */
const written = exampleText.map(text => parseWire(text, resources)[0] as Impairment)

const stages: fc.Arbitrary<Impairment[]> = fc.letrec<{ stage: Impairment; list: Impairment[] }>(
  tie => ({
    stage: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 8, arbitrary: leaf },
      { weight: 2, arbitrary: written },
      {
        weight: 1,
        arbitrary: fc
          .tuple(selection, tie('list'), tie('list'))
          .map(([which, then, otherwise]) => wire.match(which, then, otherwise)),
      },
    ),
    list: fc.array(tie('stage'), { maxLength: 4 }),
  }),
).list

// What happens to a chain.

type Step =
  | { readonly do: 'send'; readonly count: number; readonly gap: number }
  | { readonly do: 'advance'; readonly ns: number }
  | { readonly do: 'set'; readonly stages: Impairment[] }
  | { readonly do: 'close' }

const send = fc.record({
  do: fc.constant('send' as const),
  count: fc.nat(150),
  gap: fc.constantFrom(0, 100, 50_000, MS),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: send },
  { weight: 4, arbitrary: time.map(ns => ({ do: 'advance' as const, ns })) },
  { weight: 3, arbitrary: stages.map(list => ({ do: 'set' as const, stages: list })) },
)

const life = fc.record({
  seed: fc.nat(),
  stages,
  steps: fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
  closes: fc.boolean(),
})

test.each(EXAMPLES.map(([, text]) => text))('in + duplicated = out + dropped + held: %s', text =>
  expectConserved(text, 300),
)

test('in + duplicated = out + dropped + held, whatever a chain is made of and whatever happens to it', () => {
  const total = scaled(10_000_000)
  let sent = 0
  for (let seed = SEED; sent < total; seed++) {
    const property = fc.property(life, ({ seed: ofFrames, stages: first, steps, closes }) => {
      const made = new TestWire(first, {
        receive: () => {},
        seed: ofFrames,
        large: 64,
        small: 1024,
        poison: false,
      })
      const sendOne = frames(random(ofFrames))
      for (const each of steps) {
        if (each.do === 'send') {
          for (let i = 0; i < each.count; i++) {
            sendOne((bytes, fields) => made.sendFrame(bytes, fields))
            if (each.gap !== 0) {
              made.advance(each.gap)
            }
          }
        } else if (each.do === 'advance') {
          made.advance(each.ns)
        } else if (each.do === 'set') {
          made.chain.set(each.stages)
        }
        made.conserved()
      }
      if (closes) {
        made.chain.close()
      }
      sendOne((bytes, fields) => made.sendFrame(bytes, fields))
      made.conserved()
      made.chain.close()
      const balance = made.conserved()
      expect(balance.held).toBe(0)
      sent += balance.in
      expect(made.failures.filter(failure => !failure.includes('of its own'))).toEqual([])
    })
    fc.assert(property, { seed, numRuns: 20 })
  }
})

const makeNet = memoryNets()

test('in + made = out + dropped + held for the devices of a cable, whatever its wires are made of', async () => {
  const memory = makeNet({ large: 32, small: 256 })
  const { devices, ports } = await addDriver(memory, cable, {}, { args: ['a', 'b'] })
  const [a] = devices as [NetDevice]
  const wires = a.netdevOps.ndoGetWires?.(a) as readonly [DirectedWire, DirectedWire]
  let sent = 0
  const total = scaled(300_000)
  const end = fc.nat(1)
  const cableStep = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(end, send).map(([from, each]) => ({ ...each, from })) },
    { weight: 3, arbitrary: time.map(ns => ({ do: 'advance' as const, ns })) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(end, stages)
        .map(([to, list]) => ({ do: 'set' as const, to, stages: list })),
    },
    { weight: 1, arbitrary: fc.boolean().map(cut => ({ do: 'cut' as const, cut })) },
  )
  const sendOne = frames(random(SEED))
  for (let seed = SEED; sent < total; seed++) {
    const property = fc.property(
      fc.array(cableStep, { minLength: 5, maxLength: 30, size: 'max' }),
      steps => {
        for (const each of steps) {
          if (each.do === 'send') {
            const port = ports[each.from] as MemoryPort
            for (let i = 0; i < each.count; i++) {
              sendOne((bytes, { csumStart, ...fields } = {}) => {
                const partial =
                  csumStart === undefined ? {} : { csumStart, ipSummed: CHECKSUM_PARTIAL }
                port.transmit(bytes, 0, { ...fields, ...partial })
              })
              if (i % 16 === 0) {
                port.drain()
              }
              if (each.gap !== 0) {
                memory.clock.advance(each.gap)
              }
            }
            port.drain()
            sent += each.count
          } else if (each.do === 'advance') {
            memory.clock.advance(each.ns)
          } else if (each.do === 'set') {
            wires[each.to as 0 | 1].set(each.stages)
          } else if (each.cut) {
            cutCable(a)
          } else {
            plugCable(a)
          }
          memory.conserved()
          for (const { received } of ports) {
            received.length = 0
          }
        }
      },
    )
    fc.assert(property, { seed, numRuns: 5 })
  }
  plugCable(a)
  await unregisterNetdev(a)
  memory.conserved()
  expect(memory.pool.out).toBe(0)
})
