/** explore with NATs that forget their mappings, in memory. */
import { expect, test } from 'vitest'
import { explore, type LabScenario } from '../../src/index.ts'
import { session } from '../support/nat-session.ts'

const MEMORY = { world: 'memory', captures: false, timeout: '60s' } as const

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
