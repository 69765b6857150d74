/** rebind at each packet. */
import { expect, test } from 'vitest'
import { explore } from '../../src/index.ts'
import { ASK_INSIDE, REPLY, session } from '../support/nat-session.ts'

const MEMORY = { world: 'memory', captures: false, timeout: '60s' } as const

test('rebind breaks a session that a server knows by its port, unless the client logs in again', async () => {
  const faults = ['rebind', 'rebind on nat']
  const fragile = await explore(session(1), { ...MEMORY, faults })
  const failed = fragile.failures.flatMap(each => [...each.faults, ...each.also])
  expect(failed).toContain(`rebind ${ASK_INSIDE}`)
  expect(failed).toContain(`rebind on nat ${ASK_INSIDE}`)
  expect(failed).toContain(`rebind ${REPLY}`)
  // No mapping exists before the first packet of the session.
  expect(failed).not.toContain('rebind client-nat ab udp client:* > server:5000 packet 1')
  for (const { run } of fragile.failures) {
    expect(run?.spans.map(({ starts, ends }) => [starts, ends])).toEqual([
      ['the NAT of nat forgets its mappings', undefined],
    ])
  }
  const robust = await explore(session(2), { ...MEMORY, faults })
  expect([robust.points.length, robust.failures]).toEqual([fragile.points.length, []])
})
