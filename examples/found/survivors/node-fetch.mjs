// node-fetch 3.3.2: a signal ends a request in each phase, and half a reply is never a success.
import assert from 'node:assert/strict'
import http from 'node:http'
import zlib from 'node:zlib'
import fetch from 'node-fetch'
import { between, every } from '../network.mjs'

export const promise =
  'README, signal: "Pass an instance of AbortSignal to optionally abort requests"'
export const options = every

const whole = zlib.gzipSync('whole')
const serve = () =>
  http
    .createServer((_, reply) => {
      reply.writeHead(200, { 'content-encoding': 'gzip' }).write(whole.subarray(0, 12))
      setTimeout(() => reply.end(whole.subarray(12)), 100)
    })
    .listen(80)

export default between(serve, async ({ settles }) => {
  const ask = async () =>
    (await fetch('http://server/', { signal: AbortSignal.timeout(2000) })).text()
  const text = await settles(
    ask().catch(() => 'error'),
    { within: '60s' },
  )
  assert.match(text, /^(whole|error)$/)
})
