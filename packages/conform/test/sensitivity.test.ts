/** Each case fails for a host that breaks its rule: a silent one, and one that takes anything. */
import { expect, test } from 'vitest'
import { MemoryWorld } from '../../inet/test/tcp-conformance/memory-world.ts'
import { isPassive } from '../src/notation.ts'
import { runCase } from '../src/run-case.ts'
import { readTable } from '../src/table.ts'
import type { World } from '../src/world.ts'
import { lenient } from './support/lenient.ts'

const passive = readTable()
  .flatMap(({ cases }) => cases)
  .filter(one => isPassive(one) && one.linux === undefined)

async function passing(cases: typeof passive, change: (world: World) => World): Promise<string[]> {
  const names: string[] = []
  for (const one of cases) {
    const world = change(new MemoryWorld(one.family, one.sysctls, false))
    const hasPassed = await runCase(one, world).then(
      () => true,
      () => false,
    )
    if (hasPassed) {
      names.push(one.name)
    }
  }
  return names
}

test('every case fails for a host that sends nothing', async () => {
  const silent = (world: World): World => ({
    ...{
      tolerance: world.tolerance,
      host: world.host,
      peer: world.peer,
      port: world.port,
      program: undefined,
    },
    now: () => world.now(),
    sleepUntil: moment => world.sleepUntil(moment),
    close: () => world.close(),
    inject() {},
    next: until => world.next(until),
  })
  expect(await passing(passive, silent)).toEqual([])
})

/** What no host takes: too few bytes, bytes twice or too late; and data that is acknowledged. */
const NOT_REPAIRED = [
  'fragments-timeout',
  'fragments-too-long',
  'icmp-error-about-later-fragment',
  'icmp-short',
  'ipv4-truncated',
  'ipv6-fragments-overlap',
  'ipv6-fragments-timeout',
  'retransmission',
  'retransmission-backs-off',
  'tcp-truncated',
  'udp-truncated',
]

test('a case without a reply fails for a host that takes the frame as if it had no fault', async () => {
  const quiet = passive.filter(({ steps }) => steps.some(({ verb }) => verb === 'none'))
  expect(quiet.length).toBeGreaterThan(80)
  expect((await passing(quiet, lenient)).sort()).toEqual(NOT_REPAIRED)
})
