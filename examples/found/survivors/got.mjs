// got 14.6.6: a request ends in time, and half a reply is never a success.
import assert from 'node:assert/strict'
import http from 'node:http'
import got from 'got'
import { between, every } from '../network.mjs'

export const promise =
  'options.d.ts: "`request` starts when the request is initiated and ends when the response\'s end event fires."'
export const options = every

const serve = () =>
  http
    .createServer((_, reply) => {
      reply.writeHead(200, { 'content-length': 8 }).write('half')
      setTimeout(() => reply.end('half'), 100)
    })
    .listen(80)

export default between(serve, async ({ settles }) => {
  const asked = got('http://server/', { timeout: { request: 2000 }, retry: { limit: 5 } }).text()
  assert.match(
    await settles(
      asked.catch(() => 'error'),
      { within: '60s' },
    ),
    /^(halfhalf|error)$/,
  )
})
