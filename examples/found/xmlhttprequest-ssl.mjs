// xmlhttprequest-ssl 4.0.0: a request is repeated after a reset, but never sent.
import http from 'node:http'
import xhr from 'xmlhttprequest-ssl'
import { at, between } from './network.mjs'

export const promise =
  'lib/XMLHttpRequest.js: "[...] triggering an ECONNRESET, don\'t fail the xhr request, attempt again."'
// The request that starts with "GET /2".
export const options = at('reset', 'dst port 80 and tcp[((tcp[12] & 240) / 4) + 5] = 50')

const get = (url, agent) =>
  new Promise(resolve => {
    const request = new xhr.XMLHttpRequest({ agent })
    request.open('GET', url)
    request.onreadystatechange = () => request.readyState === 4 && resolve()
    request.send()
  })

export default between(
  () => http.createServer((_, reply) => reply.end('hello')).listen(80),
  async ({ settles }) => {
    const agent = new http.Agent({ keepAlive: true })
    await get('http://server/1', agent)
    await settles(get('http://server/2', agent), { within: '8s' })
    agent.destroy()
  },
)
