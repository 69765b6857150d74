/** Zones of IPv6 addresses are interfaces of the host in memory, too: kernel/zones.test.ts. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { formatAddress } from '#src/packet/address.ts'
import type { LabHost } from '../../src/index.ts'
import type { MemoryStack } from '../../src/memory/memory-stack.ts'
import { memoryLabs } from '../support/memory-lab.ts'

const { made } = memoryLabs()

const linkLocal = (host: LabHost) =>
  formatAddress((host.stack as MemoryStack).ip.interfaces[0]!.linkLocal)

/** A host with cables to two servers. */
async function twoLinks() {
  const lab = await made()
  const [client, one, two] = lab.hosts('client', 'one', 'two')
  await lab.cable(client, one)
  await lab.cable(client, two)
  return { lab, client, servers: [one, two] }
}

test('a connection to a link-local address leaves by the interface of its zone', async () => {
  const { client, servers } = await twoLinks()
  for (const server of servers) {
    await server.listen(
      net.createServer(socket => socket.end(server.name)),
      80,
    )
    const host = `${linkLocal(server)}%${server.name}`
    const socket = await client.run(() => net.connect({ host, port: 80 }))
    expect(await text(socket)).toBe(server.name)
  }
})

test('datagrams to link-local addresses and groups leave by the interface of their zone', async () => {
  const { lab, client, servers } = await twoLinks()
  const received: string[] = []
  for (const server of servers) {
    const socket = dgram.createSocket('udp6')
    socket.on('message', data => received.push(`${server.name} ${data}`))
    await server.listen(socket, 7)
  }
  const socket = dgram.createSocket('udp6')
  await client.listen(socket, 0)
  for (const { name } of servers) {
    for (const server of servers) {
      socket.send(`to ${server.name} by ${name}`, 7, `${linkLocal(server)}%${name}`)
    }
    socket.send(`to all by ${name}`, 7, `ff02::1%${name}`)
    await lab.sleep('10s')
  }
  expect(received).toEqual([
    'one to all by one',
    'one to one by one',
    'two to all by two',
    'two to two by two',
  ])
  received.length = 0
  for (const server of servers) {
    socket.connect(7, `${linkLocal(server)}%${server.name}`)
    await once(socket, 'connect')
    socket.send('connected')
    await lab.sleep('10s')
    socket.disconnect()
  }
  expect(received).toEqual(['one connected', 'two connected'])
})
