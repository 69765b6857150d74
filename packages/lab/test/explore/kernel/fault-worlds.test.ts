/** The kernel does the faults that the table of packages/lab/docs/nemesis.md says. */
import { expect, test } from 'vitest'
import { explore, type LabScenario } from '../../../src/index.ts'
import { NEMESIS_VERBS } from '../../../src/model/verbs.ts'
import { faultOfServer, faultsIn } from '../../support/fault-worlds.ts'

const SERVER = `
import socket
server = socket.create_server(('', 5000))
print('ready', flush=True)
client, _ = server.accept()
while client.recv(100):
    pass
`
// Over IPv4 only: a refused connection over IPv6 would have the name of the packet.
const CLIENT = `
import socket
client = socket.socket()
client.connect(('server', 5000))
client.send(b'x')
`

/** Sends one byte to a program on the server over TCP. */
const scenario: LabScenario = async ({ lab }) => {
  const [client, server, inside] = lab.hosts('client', 'server', 'inside')
  await lab.cable(client, server)
  await lab.router('nat', { inside: [inside], outside: client, nat: 'restricted' })
  await server.start(async ({ host }) => {
    const child = host.spawn('python3', ['-c', SERVER])
    await new Promise(resolve => child.stdout?.once('data', resolve))
  })
  await client.exec('python3', ['-c', CLIENT])
}

const inKernel = new Map(faultsIn('kernel'))

test.each(NEMESIS_VERBS)('the kernel does %s, or refuses it as the table says', async verb => {
  const run = explore.repeat(scenario, [faultOfServer(verb)], { world: 'kernel', timeout: '30s' })
  expect(
    await run.then(
      () => 'yes',
      error => error.message,
    ),
  ).toBe(inKernel.get(verb))
})
