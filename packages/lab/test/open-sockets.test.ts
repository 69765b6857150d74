import { EventEmitter, once } from 'node:events'
import net from 'node:net'
import { expect, test } from 'vitest'
import { OpenSockets } from '../src/world/open-sockets.ts'

async function listening(): Promise<net.Server> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

test('a server is closed with the connections that it has accepted', async () => {
  const sockets = new OpenSockets()
  const server = await listening()
  sockets.addServer(server)
  const { port } = server.address() as net.AddressInfo
  const accepted = once(server, 'connection')
  const client = net.connect(port, '127.0.0.1')
  await accepted
  const closed = once(client, 'close')
  await sockets.close()
  expect(server.listening).toBe(false)
  await closed
})

test('a closed connection does not hold it up, even if its program has removed all listeners', async () => {
  const sockets = new OpenSockets()
  const server = await listening()
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  sockets.add(client, () => 'client')
  await once(client, 'connect')
  client.removeAllListeners()
  client.destroy()
  await once(client, 'close')
  await sockets.close()
  server.close()
})

test('what is closed already, or was never open, does not hold it up', async () => {
  const sockets = new OpenSockets()
  const server = await listening()
  sockets.addServer(server)
  await new Promise(resolve => server.close(resolve))
  const throwing = Object.assign(new EventEmitter(), {
    close(): void {
      throw new Error('not running')
    },
  })
  sockets.add(throwing, () => 'throwing')
  sockets.add(new net.Socket(), () => 'socket')
  await sockets.close()
  await sockets.close()
})

test('what is open has a name until it has closed, although its program has removed all listeners', async () => {
  const sockets = new OpenSockets()
  const server = await listening()
  sockets.addServer(server)
  const accepted = once(server, 'connection')
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  sockets.add(client, () => 'connection to server port 80')
  await accepted
  for (const each of [server, client]) {
    each.removeAllListeners()
  }
  const { port } = server.address() as net.AddressInfo
  const names = [
    `server on port ${port}`,
    'connection to server port 80',
    `connection of the server on port ${port}`,
  ]
  expect(sockets.names).toEqual(names)
  await sockets.close()
  expect(sockets.names).toEqual([])
})
