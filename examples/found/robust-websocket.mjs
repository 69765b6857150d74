// robust-websocket 1.0.0: a failed attempt leaves its timer, which rings for an open one.
import assert from 'node:assert/strict'
import { WebSocket } from 'ws'
import { serve } from '../servers/websocket.mjs'
import { at, between } from './network.mjs'

// What a browser has.
const noop = () => {}
const listeners = { addEventListener: noop, removeEventListener: noop }
Object.assign(globalThis, { window: globalThis, WebSocket, ...listeners })
globalThis.CustomEvent ??= class extends Event {}
Object.defineProperty(globalThis, 'navigator', { value: { onLine: true } })
const { default: RobustWebSocket } = await import('robust-websocket')

export const promise =
  'README: "milliseconds to wait before a connection is considered to have timed out"'
// The first packet of the handshake, which starts with "GE", for GET.
export const options = at('reset', 'dst port 80 and tcp[((tcp[12] & 240) / 4) : 2] = 0x4745')

export default between(
  () => serve(80),
  async ({ lab }) => {
    const socket = new RobustWebSocket('ws://server')
    socket.addEventListener('error', noop)
    socket.addEventListener('timeout', () =>
      assert.notEqual(socket.readyState, WebSocket.OPEN, 'a timeout of an open connection'),
    )
    await lab.sleep(6000)
    socket.close()
  },
)
