// reconnecting-websocket 4.4.0: reconnect() does nothing after a close() between attempts.
import assert from 'node:assert/strict'
import ReconnectingWebSocket from 'reconnecting-websocket'
import { WebSocket } from 'ws'
import { serve } from '../servers/websocket.mjs'
import { at, between } from './network.mjs'

export const promise =
  'reconnect(): "Closes the WebSocket connection or connection attempt and connects again."'
// The first message, which the server sends back.
export const options = at('reset', 'src port 80 and len = 73')

const listen = () => serve(80)

export default between(listen, async ({ lab }) => {
  const delays = { minReconnectionDelay: 3000, maxReconnectionDelay: 3000 }
  const socket = new ReconnectingWebSocket('ws://server', [], { WebSocket, ...delays })
  socket.onopen = () => {
    socket.onopen = undefined
    socket.send('hello')
  }
  await lab.sleep(2000)
  // If the connection was lost meanwhile, this is the pause before the next attempt.
  socket.close()
  await lab.sleep(4000)
  socket.reconnect()
  await lab.sleep(2000)
  assert.equal(socket.readyState, WebSocket.OPEN)
})
