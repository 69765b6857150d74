import { test } from 'vitest'
import { explore } from '../../src/index.ts'
import { plantedIn } from '../support/explore/planted-tests.ts'

test('x', async () => {
  for (const p of await plantedIn('memory')) {
    if (!p.faults.some(f => /silence|mute|forget/.test(f))) continue
    const faults = p.faults.filter(f => /silence|mute|forget/.test(f))
    const { failures } = await explore(p.scenario(true), { faults, world: 'memory', timeout: '5min', stopAt: 1, captures: `/tmp/vcap/${p.name}` })
    console.log(p.name, JSON.stringify(failures.map(f => [f.faults, f.error.split('\n')[0], f.captures]), undefined, 1))
  }
}, 300000)
