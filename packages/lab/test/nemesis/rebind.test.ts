/** explore with NATs that forget their mappings, in memory. */
import { expect, test } from 'vitest'
import { explore, type LabScenario } from '../../src/index.ts'
import { ASK_INSIDE, REPLY, session } from '../support/nat-session.ts'

const MEMORY = { world: 'memory', captures: false, timeout: '60s' } as const

test('rebind breaks a session that a server knows by its port, unless the client logs in again', async () => {
  const faults = ['rebind', 'rebind on nat']
  const fragile = await explore(session(1), { ...MEMORY, faults })
  const failed = fragile.failures.flatMap(each => each.faults)
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

const twoNats: LabScenario = async ({ lab }) => {
  const [a, b, server] = lab.hosts('a', 'b', 'server')
  for (const inside of [a, b]) {
    await lab.router(`nat-${inside.name}`, { inside: [inside], outside: server, nat: 'restricted' })
  }
  const socket = await a.createSocket('udp4')
  socket.send('text', 5000, 'server')
  await lab.sleep('1s')
}

test.each<[string, LabScenario, string]>([
  ['rebind on client', session(1), 'rebind: client is not a router: name one with a NAT'],
  ['rebind on nat', session(1, 'nptv6'), 'rebind: the router nat has no NAT that rebinds'],
  [
    'rebind',
    session(1, 'nptv6'),
    "rebind: no router has a NAT that rebinds: make it with nat: 'restricted'",
  ],
  ['rebind', twoNats, 'rebind: the lab has the NATs nat-a, nat-b: name one: rebind on nat-a'],
])('%s is refused with the reason', async (fault, scenario, why) => {
  await expect(explore(scenario, { ...MEMORY, faults: [fault] })).rejects.toThrow(why)
})
