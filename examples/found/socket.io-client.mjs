// socket.io-client 4.8.4: in the build for browsers, `retries` loses an event after a sleep.
import assert from 'node:assert/strict'
import { Server } from 'socket.io'
import { at, between } from './network.mjs'
import { io } from './node_modules/socket.io-client/build/esm/index.js' // For bundlers.

export const promise =
  'build/esm/socket.d.ts, retries: "[...] the delivery guarantee is "at-least-once" [...]"'
export const options = at('reset', 'dst port 80 and greater 120 and less 200') // The second event.

const events = ['first', 'a second one that is longer than all others', 'third']
const retry = { retries: Infinity, ackTimeout: 2000, reconnectionDelay: 200 }
const seen = new Set()
const serve = () => {
  const server = new Server(80, { transports: ['websocket'] })
  server.on('connection', socket =>
    socket.on('save', (event, done) => setTimeout(done, 20, seen.add(event))),
  )
}

export default between(serve, async ({ lab }) => {
  seen.clear()
  const socket = io('http://server', { transports: ['websocket'], forceNew: true, ...retry })
  await new Promise(resolve => socket.once('connect', resolve))
  socket.io.engine._pingTimeoutTime = 1 // As after a sleep.
  for (const event of events) {
    socket.emit('save', event)
  }
  await lab.sleep(8000)
  socket.close()
  assert.deepEqual([...seen], events)
})
