// http-proxy-middleware 4.2.2: half a reply is ended with an error text, as if whole.
import assert from 'node:assert/strict'
import http from 'node:http'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { at, between } from './network.mjs'

export const promise = 'README, ejectPlugins: "return 5xx response on proxy error"'
// The second half of the reply.
export const options = at('reset', 'src port 8000 and len = 84')

const users = '{"users":["anna","bert"]}'
const answer = (_, reply) =>
  setTimeout(() => reply.end(users.slice(17)), 100, reply.write(users.slice(0, 17)))

export default between(
  () => http.createServer(answer).listen(8000),
  async () => {
    express()
      .use(createProxyMiddleware({ target: 'http://server:8000' }))
      .listen(80)
    const reply = await fetch('http://localhost/users')
    const text = await reply.text().catch(() => users) // An error is right.
    assert(text === users, `status ${reply.status}, and no error: ${text}`)
  },
)
