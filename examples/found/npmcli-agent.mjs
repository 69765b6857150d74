// @npmcli/agent 4.0.2: the timeout of the response ends a body that arrives later.
import assert from 'node:assert/strict'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { HttpAgent } from '@npmcli/agent'
import { at, between } from './network.mjs'

export const promise =
  'README, timeouts: "`response`: time between sending a request and receiving a response"'
// The second half of the body, 4 bytes.
export const options = at('silence 2s', 'src port 80 and len = 70')

const answer = (_, reply) => {
  reply.writeHead(200, { 'content-length': 8 }).write('half')
  setTimeout(() => reply.end('half'), 100)
}
const listen = () => http.createServer(answer).listen(80)

export default between(listen, async () => {
  const agent = new HttpAgent({ keepAlive: false, timeouts: { response: 1000 } })
  const body = new Promise(resolve => {
    http
      .get('http://server', { agent }, reply => resolve(text(reply).catch(error => error.code)))
      .on('error', error => resolve(error.code))
  })
  assert.equal(await body, 'halfhalf')
})
