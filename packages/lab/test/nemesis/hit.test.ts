/** The hosts of faults that name none: the option `hit`, and the export of a module. */
import { expect, test } from 'vitest'
import { explore, type Hit } from '../../src/index.ts'
import { leader, reportOf, scenario, silentOf } from '../support/asked-servers.ts'

test('a fault without a name hits the host that a function names at its packet', async () => {
  expect(await silentOf(() => leader)).toEqual(['a', 'b'])
})

test('a repair ends a silence of a hit host', async () => {
  const silence = 'silence 2.5s client-a ab udp client:* > a:5000 packet 1'
  const repair = 'repair client-a ba udp a:5000 > client:* packet 1'
  await explore.repeat(scenario, [silence, repair], { world: 'memory', hit: 'b' })
  await expect(explore.repeat(scenario, [silence], { world: 'memory', hit: 'b' })).rejects.toThrow(
    'b has no reply',
  )
})

test.each<[unknown, string]>([
  [() => ['a', 7], "pause: hit: [ 'a', 7 ] is not the name of a host"],
  [() => ['a', 'c'], 'pause: hit: c is not a host of the lab, which are client, a, b'],
  [
    () => {
      throw new Error('no election yet')
    },
    'pause: hit: the function has failed: Error: no election yet',
  ],
  [
    [],
    'explore: hit: [] is not the name of a host, a list of names, or a function that returns them',
  ],
])('%s is refused', async (hit, why) => {
  await expect(reportOf(hit as Hit)).rejects.toThrow(why)
})
