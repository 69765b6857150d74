// https-proxy-agent 9.1.0: no timeout rings while the proxy owes the reply to CONNECT.
import http from 'node:http'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { at, between } from './network.mjs'

export const promise =
  'README: "The `options` argument accepts the usual `http.Agent` constructor options"'
// The packet that starts with "CO", for CONNECT.
export const options = at(
  'silence 20s',
  'dst port 3128 and tcp[((tcp[12] & 240) / 4) : 2] = 0x434f',
)

const target = http.createServer((_, reply) => reply.end('hello'))
const tunnel = (_, socket) =>
  target.emit('connection', socket, socket.write('HTTP/1.1 200 OK\r\n\r\n'))

export default between(
  () => http.createServer().on('connect', tunnel).listen(3128),
  async ({ lab, settles }) => {
    const agent = new HttpsProxyAgent('http://server:3128', { timeout: 1000 })
    const request = http.get('http://server', { agent, timeout: 1000 }, reply => reply.resume())
    request.on('timeout', () => request.destroy()).on('error', () => {})
    const closed = new Promise(resolve => request.on('close', resolve))
    await lab.sleep(2000)
    request.destroy()
    await settles(closed, { within: '3s' })
  },
)
