// WebSocket over ws: a message and its echo, a ping, and the closing handshake.
import http from 'node:http'
import { WebSocketServer } from 'ws'
import { hosts, run } from './net.mjs'

export default async function scenario({ lab, signal }) {
  const { client, server } = await hosts(lab)
  const origin = http.createServer()
  new WebSocketServer({ server: origin }).on('connection', socket => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await server.listen(origin, 80)
  await run(client, 'websocket-client.mjs', signal)
}
