// @hapi/wreck 18.1.2: a request ends in time, half a reply is an error, and the next request works.
import assert from 'node:assert/strict'
import http from 'node:http'
import Wreck from '@hapi/wreck'
import { between, every } from '../network.mjs'

export const promise =
  'hapi.dev, wreck: "timeout - the number of milliseconds to wait without receiving a response before aborting the request"'
export const options = every

const serve = () =>
  http
    .createServer((_, reply) => {
      reply.writeHead(200, { 'content-length': 4 }).write('he')
      setTimeout(() => reply.end('re'), 100)
    })
    .listen(80)

export default between(serve, async ({ lab, settles, eventually }) => {
  const wreck = Wreck.defaults({ agent: new http.Agent({ keepAlive: true }) })
  const get = async () => String((await wreck.get('http://server/', { timeout: 1000 })).payload)
  const first = await settles(
    get().catch(() => 'error'),
    { within: '30s' },
  )
  assert.match(first, /^(here|error)$/)
  await lab.sleep('30s')
  await eventually(async () => assert.equal(await get(), 'here'), { within: '60s' })
})
