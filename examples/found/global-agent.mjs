// global-agent 4.1.6: no timeout rings while the proxy owes the reply to CONNECT.
import http from 'node:http'
import https from 'node:https'
import globalAgent from 'global-agent'
import { at, between } from './network.mjs'

export const promise =
  'README: "Destroys socket if connection is not established within the timeout"'
// The packet that starts with "CO", for CONNECT.
export const options = at(
  'silence forever',
  'dst port 3128 and tcp[((tcp[12] & 240) / 4) : 2] = 0x434f',
)

const psk = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }
const accept = () => Buffer.alloc(16)
const target = https.createServer({ ...psk, pskCallback: accept }, (_, reply) => reply.end('hello'))
const tunnel = (_, socket) =>
  target.emit('connection', socket, socket.write('HTTP/1.1 200 OK\r\n\r\n'))

globalAgent.createGlobalProxyAgent({ socketConnectionTimeout: 1000 }).HTTP_PROXY =
  'http://server:3128'

export default between(
  () => http.createServer().on('connect', tunnel).listen(3128),
  ({ settles }) => {
    const closed = new Promise(resolve =>
      https
        .get('https://example.test', reply => reply.resume())
        .on('error', resolve)
        .on('close', resolve),
    )
    return settles(closed, { within: '5s', what: 'the request' })
  },
)
