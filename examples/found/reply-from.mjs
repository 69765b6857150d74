// @fastify/reply-from 12.6.5: a reset of the HTTP/2 connection ends the process.
import assert from 'node:assert/strict'
import http2 from 'node:http2'
import replyFrom from '@fastify/reply-from'
import fastify from 'fastify'
import { at, between } from './network.mjs'

export const promise =
  'README, onError: "Called when an HTTP response is received with error from the source."'
// The reply.
export const options = at('reset', 'src port 8000 and greater 100')

const answer = (_, reply) => setTimeout(() => reply.end('hello'), 200)

export default between(
  () => http2.createServer(answer).listen(8000),
  async () => {
    const app = fastify()
    app.register(replyFrom, { base: 'http://server:8000', http2: true })
    app.get('/', (_, reply) => reply.from('/'))
    await app.listen({ port: 80 })
    const reply = await fetch('http://localhost')
    assert(reply.status >= 500 || (await reply.text()) === 'hello')
  },
)
