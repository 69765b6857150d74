// xmlhttprequest-ssl 4.0.0: a request is repeated after a reset, but never sent.
import http from 'node:http'
import xhr from 'xmlhttprequest-ssl'
import { serve } from '../servers/http.mjs'
import { at, between } from './network.mjs'

export const promise =
  'lib/XMLHttpRequest.js: "[...] triggering an ECONNRESET, don\'t fail the xhr request, attempt again."'
// The request that starts with "GET /l".
export const options = at('reset', 'dst port 80 and tcp[((tcp[12] & 240) / 4) + 5] = 108')

const get = (url, agent) =>
  new Promise(resolve => {
    const request = new xhr.XMLHttpRequest({ agent })
    request.open('GET', url)
    request.onreadystatechange = () => request.readyState === 4 && resolve()
    request.send()
  })

export default between(
  () => serve(80),
  async ({ settles }) => {
    const agent = new http.Agent({ keepAlive: true })
    await get('http://server/', agent)
    await settles(get('http://server/length', agent), { within: '8s' })
    agent.destroy()
  },
)
