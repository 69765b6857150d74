// partysocket 1.3.0: reconnect() connects after a close() in any state.
import assert from 'node:assert/strict'
import ReconnectingWebSocket from 'partysocket/ws'
import { WebSocket, WebSocketServer } from 'ws'
import { between, every } from '../network.mjs'

export const promise =
  'dist/ws.js, reconnect: "Closes the WebSocket connection or connection attempt and connects again."'
export const options = {
  ...every,
  faults: ['drop', 'delay', 'reset', 'forget on server', 'forget on client', 'mute 3s'],
}

const greet = socket => {
  socket.on('error', () => {})
  setTimeout(() => socket.send('hello'), 100)
}
const serve = () => new WebSocketServer({ port: 80 }).on('connection', greet)

export default between(serve, async ({ lab }) => {
  const delays = { minReconnectionDelay: 1000, maxReconnectionDelay: 1000 }
  const socket = new ReconnectingWebSocket('ws://server', [], { WebSocket, ...delays })
  socket.addEventListener('error', () => {})
  await lab.sleep(500)
  socket.close()
  await lab.sleep(2000)
  socket.reconnect()
  await lab.sleep(8000)
  assert.equal(socket.readyState, WebSocket.OPEN)
  socket.close()
})
