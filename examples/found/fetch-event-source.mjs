// @microsoft/fetch-event-source 2.0.1: an event that breaks after its line id is lost.
import assert from 'node:assert/strict'
import http from 'node:http'
import { fetchEventSource } from '@microsoft/fetch-event-source'
import { at, between } from './network.mjs'

const document = { hidden: false, addEventListener() {}, removeEventListener() {} }
Object.assign(globalThis, { document, window: globalThis }) // What a browser has.

export const promise =
  'README: "fully compatible with the Event Stream format", "retries with the last event ID"'
// The rest of event 2, which is a chunk.
export const options = at('reset', 'src port 80 and len = 280')

const text = 'a'.repeat(100)
function answer({ headers }, reply) {
  reply.writeHead(200, { 'content-type': 'text/event-stream' })
  let id = Number(headers['last-event-id'] ?? 0)
  const send = () => {
    if (++id > 3) return
    reply.write(`id: ${id}\n`)
    setTimeout(() => reply.write(`data: ${text.repeat(id)}\n\n`), 20)
    setTimeout(send, 50)
  }
  send()
}

export default between(
  () => http.createServer(answer).listen(80),
  async ({ lab }) => {
    const ids = []
    const abort = new AbortController()
    fetchEventSource('http://server/', {
      signal: abort.signal,
      openWhenHidden: true,
      onmessage: event => ids.push(event.id),
      onerror: () => 100,
    })
    await lab.sleep(3000)
    abort.abort()
    assert.deepEqual(ids, ['1', '2', '3'])
  },
)
