// @fastify/http-proxy 11.6.3: a client that leaves early leaves the upstream's WebSocket open.
import assert from 'node:assert/strict'
import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import { at } from './network.mjs'

export const promise =
  'index.js, proxyWebSockets: "close() is bound to the close/error events of both sockets and closes the other side itself"'
// The upstream's reply to the upgrade.
export const options = at('silence 1s', 'src port 8000 and tcp[tcpflags] & tcp-push != 0')

export default async ({ lab }) => {
  const [client, proxy, server] = lab.hosts('client', 'proxy', 'server')
  await lab.cable(client, proxy)
  await lab.cable(proxy, server)
  let open = 0
  await server.run(() => {
    new WebSocketServer({ port: 8000 }).on('connection', socket => {
      open++
      socket.on('close', () => open--)
    })
  })
  await proxy.run(async () => {
    const app = fastify()
    app.register(httpProxy, { upstream: 'http://server:8000', websocket: true })
    await app.listen({ port: 80, host: '0.0.0.0' })
  })
  await client.run(() => {
    const socket = new WebSocket('ws://proxy')
    socket.on('open', () => setTimeout(() => socket.close(), 500))
  })
  await lab.sleep(5000)
  assert.equal(open, 0, 'connections of the upstream')
}
