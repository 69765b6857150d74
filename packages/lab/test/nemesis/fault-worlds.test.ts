/** The table of packages/lab/docs/nemesis.md has the faults that memory refuses. */
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { explore, type LabScenario } from '../../src/index.ts'
import { NEMESIS_VERBS } from '../../src/model/verbs.ts'
import { faultOfServer, faultsIn } from '../support/fault-worlds.ts'

/** Sends one byte to a server over TCP, and waits a second for whatever happens. */
const scenario: LabScenario = async ({ lab }) => {
  const [client, server, inside] = lab.hosts('client', 'server', 'inside')
  await lab.cable(client, server)
  await lab.router('nat', { inside: [inside], outside: client, nat: 'restricted' })
  await server.start(({ host }) =>
    host.listen(
      createServer(socket => socket.on('error', () => {}).resume()),
      5000,
    ),
  )
  const socket = await client.connect(5000, 'server')
  socket.on('error', () => {}).write('x')
  await lab.sleep('1s')
  socket.destroy()
}

const inMemory = new Map(faultsIn('memory'))

test('the table of worlds names the one fault that a world cannot do', () => {
  expect([...inMemory].flatMap(([verb, words]) => (words === 'yes' ? [] : verb))).toEqual(['full'])
})

test.each(NEMESIS_VERBS)('memory does %s, or refuses it as the page says', async verb => {
  const run = explore.repeat(scenario, [faultOfServer(verb)], { world: 'memory' })
  expect(
    await run.then(
      () => 'yes',
      error => error.message.replace(`${verb}: `, ''),
    ),
  ).toBe(inMemory.get(verb))
})
