// robust-websocket 1.0.0: the timer of a failed attempt rings when the next one is open.
import assert from 'node:assert/strict'
import { WebSocket } from 'ws'
import { serve } from '../servers/websocket.mjs'
import { at, between } from './network.mjs'

// What the package needs of a browser, before it is imported.
const listeners = new Set()
Object.defineProperty(globalThis, 'navigator', { value: { onLine: true }, configurable: true })
Object.assign(globalThis, {
  WebSocket,
  addEventListener: name => listeners.add(name),
  removeEventListener: name => listeners.delete(name),
  CustomEvent: class extends Event {},
})
const { default: RobustWebSocket } = await import('robust-websocket')

export const promise =
  'README: "milliseconds to wait before a connection is considered to have timed out"'
export const options = at('reset', 'src port 80 and tcp[tcpflags] & tcp-push != 0')

const listen = () => serve(80)

export default between(listen, async ({ lab }) => {
  const options = { timeout: 1000, shouldReconnect: () => 200 }
  const socket = new RobustWebSocket('ws://server', null, options)
  let late = false
  socket.addEventListener('timeout', () => {
    late = socket.readyState === WebSocket.OPEN
  })
  await lab.sleep(3000)
  socket.close()
  assert.equal(late, false, 'an open connection has timed out')
})
