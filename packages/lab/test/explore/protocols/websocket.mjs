// WebSocket over ws: a message and its echo, a ping, and the closing handshake.
import { once } from 'node:events'
import http from 'node:http'
import WebSocket, { WebSocketServer } from 'ws'
import { hosts, same } from './net.mjs'

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  const origin = http.createServer()
  new WebSocketServer({ server: origin }).on('connection', socket => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await server.listen(origin, 80)

  const socket = new WebSocket('ws://server/', { agent: client.agent() })
  await once(socket, 'open')
  socket.send('hello')
  const [data] = await once(socket, 'message')
  same(String(data), 'hello')
  socket.ping()
  await once(socket, 'pong')
  socket.close(1000)
  const [code] = await once(socket, 'close')
  same(code, 1000)
}
