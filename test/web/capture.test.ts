import { once } from 'node:events'
import { createServer, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { sendCapture } from '../../src/web/capture.ts'

/** More than a connection takes at once. */
const CHUNK = new Uint8Array(64 * 1024)

/** Serves a capture to one client. Returns what the client gets, and when the server has ended. */
async function serve(chunks: (reply: ServerResponse) => AsyncGenerator<Uint8Array>) {
  const server = createServer()
  const sent = once(server, 'request').then(([, reply]) => {
    const stream = { [Symbol.asyncIterator]: () => chunks(reply), [Symbol.asyncDispose]: async () => {} }
    return sendCapture({ capture: async () => stream } as never, { vnet: '' } as never, undefined, reply)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  const [response] = await once(request, 'response')
  return { server, request, response, sent }
}

it('a capture waits for a slow client without a listener more each time', async () => {
  let most = 0
  const { server, response, sent } = await serve(async function* (reply) {
    for (let i = 0; i < 100; i++) {
      most = Math.max(most, reply.listenerCount('close'))
      yield CHUNK
    }
  })
  let size = 0
  response.on('data', (bytes: Buffer) => {
    size += bytes.length
  })
  await sent
  await once(response, 'end')
  server.close()
  expect(size).toBe(100 * CHUNK.length)
  expect(most).toBeLessThan(5)
})

it('a capture ends when its client goes away, also with bytes that come after that', async () => {
  const { server, request, response, sent } = await serve(async function* (reply) {
    yield Uint8Array.of(1)
    if (!reply.destroyed) await once(reply, 'close')
    yield Uint8Array.of(2)
  })
  await once(response, 'readable')
  request.destroy()
  await sent
  server.close()
})
