/** The drivers of vnet under `debug`, with events at awkward moments. */
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { arpRequest, type TestBed, testBed, udpFrame } from '#src/bed/index.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { driver as e1000 } from '#src/drivers/e1000/pair.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { type Driver, defineDriver } from '#src/netdev/driver.ts'
import { allocEtherdevMqs } from '#src/netdev/eth.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose, devOpen, ethTypeTrans, netifRx } from '#src/netdev/netif.ts'
import { TX_ERRORS } from '#src/netdev/stats.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { turn } from '#support/memory-net.ts'
import { either } from '#support/scale.ts'
import { loadExercises } from '../../../packages/learn/src/commands/exercise-file.ts'
import { COURSE } from '../../../packages/learn/src/folder.ts'

const drivers: readonly [string, Driver, Record<string, unknown>, string[]][] = [
  ['loop', loop as Driver, {}, []],
  ['snull', snull as Driver, {}, []],
  ['snull with NAPI', snull as Driver, { useNapi: true }, []],
  ['snull whose queues are stopped', snull as Driver, { poolSize: 1 }, []],
  ['cable', cable as Driver, {}, ['a', 'b']],
  ['e1000', e1000 as Driver, { ringSize: 16 }, []],
  ['e1000 with a CPU that reorders', e1000 as Driver, { ringSize: 8, lag: -1, weak: true }, []],
]

const solutions = await Promise.all(
  (await loadExercises()).map(async ({ name, params }) => {
    const { driver } = (await import(join(COURSE, name, 'solution.js'))) as { driver: Driver }
    // A board that hangs holds a frame for ever.
    return [
      name,
      driver,
      name === '06-timeout' ? { ...params, lockup: 0 } : (params ?? {}),
      [],
    ] as const
  }),
)

async function chaos(
  seed: number,
  [, driver, params, args]: (typeof drivers)[number],
  rounds: number,
) {
  const bed = await testBed(driver, params, { debug: { chaos: seed }, args, allowErrors: true })
  const result = bed.ping({ count: rounds, interval: '20ms' })
  bed.advance('6s')
  await bed.close()
  // Its frame memory is not freed before the next turn of the event loop.
  await turn()
  return { bed: bed as TestBed, result }
}

describe('chaos', () => {
  for (const each of drivers) {
    test(`chaos finds no mistake in ${each[0]}`, async () => {
      for (let seed = 1; seed <= either(100, 2); seed++) {
        const { bed, result } = await chaos(seed, each, 50)
        expect([seed, bed.findings]).toEqual([seed, []])
        expect(bed.log.filter(line => line.includes('chaos: ')).length).toBeGreaterThan(5)
        expect(result.received).toBeGreaterThan(25)
      }
    })
  }

  test('chaos causes the same events with the same seed, and other events with another', async () => {
    const logs: string[][] = []
    for (const seed of [1, 1, 2]) {
      logs.push((await chaos(seed, drivers[2] as (typeof drivers)[number], 20)).bed.log)
    }
    expect(logs[0]).toEqual(logs[1])
    expect(logs[0]).not.toEqual(logs[2])
  })
})

test.each([...drivers, ...solutions])(
  'debug finds no mistake in %s, with frames of all kinds, full rings, and down and up',
  async (_, driver, params, args) => {
    const bed = await testBed(driver, params, { debug: true, args: [...args], allowErrors: true })
    const ends = { from: '198.18.0.1', to: '198.18.0.2' }
    for (const round of [1, 2]) {
      bed.ping({ count: 3, interval: '20ms' })
      for (let n = 0; n < 40; n++) {
        bed.transmit(udpFrame({ ...ends, payload: 10 * n * round }))
      }
      bed.transmit(udpFrame(ends).subarray(0, 30))
      bed.transmit(arpRequest(ends))
      await devClose(bed.dev as NetDevice)
      await devOpen(bed.dev as NetDevice)
      bed.advance('7s')
    }
    // Frames that are underway when the device goes down.
    for (let n = 0; n < 10; n++) {
      bed.transmit(udpFrame(ends))
    }
    await bed.close()
    expect(bed.findings).toEqual([])
  },
)

const CORRECT: Record<string, (skb: SkBuff, dev: NetDevice) => void> = {
  'counts a drop and frees the frame': (skb, dev) => {
    dev.counters.count(0, TX_ERRORS)
    skb.free()
  },
  'frees a frame that it copied': skb => {
    skb.bytes.slice(skb.data, skb.tail)
    skb.free()
  },
  'cuts a frame between two holds': (skb, dev) => {
    skb.hold()
    skb.trim(40)
    skb.hold()
    ethTypeTrans(skb, dev)
    netifRx(skb)
  },
  'has a watchdog for a queue that remains stopped': (skb, dev) => {
    skb.drop()
    dev.tx[0]?.stop()
  },
}

test.each(Object.entries(CORRECT))(
  'debug finds no mistake in a driver that %s',
  async (_, ndoStartXmit) => {
    const setup = (dev: NetDevice) =>
      Object.assign(dev, { netdevOps: { ndoStartXmit }, watchdogTimeo: 30_000 })
    const init = () => [
      { dev: allocEtherdevMqs({ name: 'right0', priv: {}, setup: setup as never }) },
    ]
    const right = defineDriver({ name: 'right', description: 'makes no mistake', params: {}, init })
    const bed = await testBed(right, {}, { debug: true, allowErrors: true })
    bed.transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.2' }))
    bed.advance('8s')
    // No counter has the frame that was freed.
    await bed.close().catch(() => {})
    expect(bed.findings).toEqual([])
  },
)

test('chaos reads a device’s statistics and sets its receive mode as often as it logs that', async () => {
  const calls = { stats: 0, mode: 0 }
  const counting = defineDriver({
    name: 'counting',
    description: 'counts its calls',
    params: {},
    init() {
      const netdevOps = {
        ndoStartXmit: (skb: SkBuff) => skb.drop(),
        ndoGetStats64: () => void calls.stats++,
        ndoSetRxMode: () => void calls.mode++,
      }
      return [
        {
          dev: allocEtherdevMqs({
            name: 'count0',
            priv: {},
            setup: dev => Object.assign(dev, { netdevOps }),
          }),
        },
      ]
    },
  })
  await using bed = await testBed(counting, {}, { debug: { chaos: 1 } })
  const before = { ...calls }
  bed.advance('4s')
  const looks = bed.log.filter(line =>
    line.endsWith('its statistics are read and its receive mode is set'),
  ).length
  expect(looks).toBeGreaterThan(5)
  // After ten events in a second, further ones are only counted.
  expect(calls.stats - before.stats).toBeGreaterThanOrEqual(looks)
  expect(calls.mode - before.mode).toBeGreaterThanOrEqual(looks)
})

test('without debug nothing is watched', async () => {
  await using bed = await testBed(loop)
  const { ndoStartXmit } = bed.dev.netdevOps
  expect([bed.net.debug, bed.findings, Object.hasOwn(bed.dev.netdevOps, 'ndoOpen')]).toEqual([
    undefined,
    [],
    true,
  ])
  expect([ndoStartXmit.name, Object.hasOwn(bed.dev.tx[0] as object, 'stop')]).toEqual([
    'startXmit',
    false,
  ])
})

test('two mistakes of one rule in the same second have a line each', async () => {
  const late = defineDriver({
    name: 'late',
    description: 'looks twice at a frame that it dropped',
    params: {},
    init() {
      const ndoStartXmit = (skb: SkBuff) => {
        skb.drop()
        void skb.len
        void skb.data
      }
      return [
        {
          dev: allocEtherdevMqs({
            name: 'late0',
            priv: {},
            setup: dev => Object.assign(dev, { netdevOps: { ndoStartXmit } }),
          }),
        },
      ]
    },
  })
  await using bed = await testBed(late, {}, { debug: true, allowErrors: true })
  for (const port of [1, 2, 3]) {
    bed.transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.2', destinationPort: port }))
  }
  const lines = bed.log.filter(line => line.includes('debug: use-after-free: '))
  expect(lines.map(line => /debug.slow.test.ts:\d+;/.exec(line)?.[0])).toEqual(
    bed.findings.map(({ place }) => `${basename(place ?? '')};`),
  )
  expect(bed.findings.map(({ count }) => count)).toEqual([3, 3])
})

test('a queue that waits for a slot of watched memory continues when the driver frees one', async () => {
  const held: SkBuff[] = []
  const hoard = defineDriver({
    name: 'hoard',
    description: 'keeps every frame',
    params: {},
    init() {
      const netdevOps = { ndoStartXmit: (skb: SkBuff) => void held.push(skb) }
      return [
        {
          dev: allocEtherdevMqs({
            name: 'hoard0',
            priv: {},
            setup: dev => Object.assign(dev, { netdevOps }),
          }),
        },
      ]
    },
  })
  await using bed = await testBed(
    hoard,
    {},
    { debug: { pool: { large: 4, small: 4, reserve: 0 } } },
  )
  for (let i = 0; i < 6; i++) {
    bed.transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.2' }))
  }
  expect(held).toHaveLength(4)
  held.shift()?.drop()
  bed.advance(1)
  expect(held).toHaveLength(4)
  for (const skb of held.splice(0)) {
    skb.drop()
  }
  bed.advance(1)
  expect(held).toHaveLength(1)
  for (const skb of held) {
    skb.drop()
  }
})
