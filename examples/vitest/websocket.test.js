/** A server of WebSockets (npm: ws) and its client, when the cable between them is cut. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from '@vnet/lab/vitest'
import { expect } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'

/** Starts a server that sends each message back. */
async function echoServer(namespace) {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => socket.on('message', data => socket.send(String(data))))
  await namespace.listen(server, 80)
  return sockets
}

/** Connects a client to the namespace `server`. */
async function connect(namespace) {
  const socket = new WebSocket('ws://server/', { agent: namespace.agent() })
  await once(socket, 'open')
  return socket
}

test('what a client sends during a short outage arrives after it', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  await echoServer(server)
  const socket = await connect(client)

  await link.down()
  socket.send('hello?')
  await link.up()

  const [echo] = await once(socket, 'message')
  expect(String(echo)).toBe('hello?')
})

test('the server ends a connection that does not answer its pings, and the client connects again', async ({
  lab,
}) => {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const sockets = await echoServer(server)
  const accepted = once(sockets, 'connection')
  const lost = await connect(client)
  const [peer] = await accepted
  lost.on('error', () => {})

  await link.down()
  endWithoutPong(peer, 200)
  await once(peer, 'close')

  await link.up()
  const socket = await connect(client)
  socket.send('again')
  expect(String((await once(socket, 'message'))[0])).toBe('again')
})

/** Sends a ping, and ends the connection if no pong arrives within `ms` milliseconds. */
function endWithoutPong(peer, ms) {
  const timer = setTimeout(() => peer.terminate(), ms)
  peer.once('pong', () => clearTimeout(timer))
  peer.ping()
}
