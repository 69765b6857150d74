/** Answers each number with six times of it. */
import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'

export const multiplyingWs = async () => {
  const server = new WebSocketServer({ port: 80 })
  server.on('connection', socket => socket.on('message', data => socket.send(`${6 * data}`)))
  await once(server, 'listening')
  return () =>
    new Promise(resolve => {
      for (const client of server.clients) {
        client.terminate()
      }
      server.close(resolve)
    })
}

/** Asks by a class that connects again. */
export const askBy = Reconnecting =>
  new Promise(resolve => {
    const socket = new Reconnecting('ws://server/', [], { WebSocket })
    socket.onopen = () => socket.send('7')
    socket.onmessage = ({ data }) => {
      resolve(String(data))
      socket.close()
    }
  })
