// hpagent 1.2.0: the timeout of the agent does not ring in the TLS handshake behind the proxy.
import http from 'node:http'
import https from 'node:https'
import { HttpsProxyAgent } from 'hpagent'
import { at, between } from './network.mjs'

export const promise = 'README: "It takes the same parameter of the Node.js core\'s http(s) agent"'
// The client's hello, which is the first message of the handshake.
export const options = at(
  'silence forever',
  'dst port 3128 and tcp[((tcp[12] & 240) / 4) : 2] = 0x1603 and greater 160',
)

const psk = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }
const key = Buffer.alloc(16)
const secret = { ...psk, pskCallback: () => key }
const target = https.createServer(secret, (_, reply) => reply.end('hello'))
const tunnel = (_, socket) =>
  target.emit('connection', socket, socket.write('HTTP/1.1 200 OK\r\n\r\n'))
const trust = {
  ...psk,
  pskCallback: () => ({ psk: key, identity: 'me' }),
  checkServerIdentity() {},
}

export default between(
  () => http.createServer().on('connect', tunnel).listen(3128),
  ({ settles }) => {
    const agent = new HttpsProxyAgent({ proxy: 'http://server:3128', timeout: 1000 })
    const request = https.get('https://server', { agent, ...trust }, reply => reply.resume())
    request.on('timeout', () => request.destroy()).on('error', () => {})
    const closed = new Promise(resolve => request.on('close', resolve))
    return settles(closed, { within: '5s', what: 'the request' })
  },
)
