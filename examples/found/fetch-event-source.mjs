// @microsoft/fetch-event-source 2.0.1: an event that is cut after its id is lost.
import assert from 'node:assert/strict'
import net from 'node:net'
import { fetchEventSource } from '@microsoft/fetch-event-source'
import { at, between } from './network.mjs'

export const promise = 'README: "It is fully compatible with the Event Stream format"'
export const options = at('reset', 'src port 80 and tcp[((tcp[12] & 240) / 4)] = 100') // The d.

const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n'
const answer = socket =>
  socket
    .on('error', () => {})
    .once('data', request => {
      const last = Number(/last-event-id: (\d)/i.exec(request)?.[1] ?? 0)
      if (last) return socket.write(`${head}id: ${last + 1}\ndata: event ${last + 1}\n\n`)
      socket.write(`${head}id: 1\n`)
      setTimeout(() => socket.write('data: event 1\n\n'), 100)
    })
const listen = () => net.createServer(answer).listen(80)

export default between(listen, async () => {
  const document = { hidden: false, addEventListener() {}, removeEventListener() {} }
  Object.assign(globalThis, { window: globalThis, document })
  const control = new AbortController()
  const first = await new Promise(resolve =>
    fetchEventSource('http://server/', {
      fetch,
      signal: control.signal,
      openWhenHidden: true,
      onmessage: resolve,
      onclose() {
        throw new Error('closed')
      },
      onerror: () => 200,
    }),
  )
  control.abort()
  assert.equal(first.data, 'event 1')
})
