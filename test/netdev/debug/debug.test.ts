/** The drivers of vnet under `debug`, with events at awkward moments. */
import { describe, expect, test } from 'vitest'
import { driver as cable } from '../../../src/drivers/cable.ts'
import { driver as loop } from '../../../src/drivers/loop.ts'
import { driver as snull } from '../../../src/drivers/snull/driver.ts'
import type { Driver } from '../../../src/netdev/driver.ts'
import { type TestBed, testBed } from '../../../src/testing/index.ts'
import { either } from '../../support/scale.ts'

const drivers: readonly [string, Driver, Record<string, unknown>, string[]][] = [
  ['loop', loop as Driver, {}, []],
  ['snull', snull as Driver, {}, []],
  ['snull with NAPI', snull as Driver, { useNapi: true }, []],
  ['snull whose queues are stopped', snull as Driver, { poolSize: 1 }, []],
  ['cable', cable as Driver, {}, ['a', 'b']],
]

async function chaos(seed: number, [, driver, params, args]: (typeof drivers)[number], rounds: number) {
  const bed = await testBed(driver, params, { debug: { chaos: seed }, args, allowErrors: true })
  const result = bed.ping({ count: rounds, interval: '20ms' })
  bed.advance('6s')
  await bed.close()
  return { bed: bed as TestBed, result }
}

describe('chaos', () => {
  for (const each of drivers) {
    test(`finds nothing in ${each[0]}`, async () => {
      for (let seed = 1; seed <= either(100, 2); seed++) {
        const { bed, result } = await chaos(seed, each, 50)
        expect([seed, bed.findings]).toEqual([seed, []])
        expect(bed.log.filter(line => line.includes('chaos: ')).length).toBeGreaterThan(5)
        expect(result.received).toBeGreaterThan(25)
      }
    })
  }

  test('causes the same events with the same seed, and others with another', async () => {
    const logs: string[][] = []
    for (const seed of [1, 1, 2]) logs.push((await chaos(seed, drivers[2] as (typeof drivers)[number], 20)).bed.log)
    expect(logs[0]).toEqual(logs[1])
    expect(logs[0]).not.toEqual(logs[2])
  })
})

test('without debug nothing is watched', async () => {
  await using bed = await testBed(loop)
  const { ndoStartXmit } = bed.dev.netdevOps
  expect([bed.net.debug, bed.findings, Object.hasOwn(bed.dev.netdevOps, 'ndoOpen')]).toEqual([undefined, [], true])
  expect([ndoStartXmit.name, Object.hasOwn(bed.dev.tx[0] as object, 'stop')]).toEqual(['startXmit', false])
})
