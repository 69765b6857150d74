// express-http-proxy 2.1.2: `timeout` does not end a reply that stops in its middle.
import http from 'node:http'
import express from 'express'
import proxy from 'express-http-proxy'
import { at, between } from './network.mjs'

export const promise =
  'README: "[...] will continue to wait indefinitely for a response, unless you define a ```timeout``` [...]"'
// The second half of the reply.
export const options = at('silence 20s', 'src port 8000 and len = 78')

const answer = (_, reply) => setTimeout(() => reply.end('re'), 100, reply.write('he'))

export default between(
  () => http.createServer(answer).listen(8000),
  async ({ settles }) => {
    express()
      .use(proxy('http://server:8000', { timeout: 1000 }))
      .listen(80)
    const reply = await fetch('http://localhost')
    await settles(
      reply.text().catch(() => 'an error is right'),
      { within: '5s' },
    )
  },
)
