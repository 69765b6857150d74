// axios 1.21.1: over HTTP/2 half a reply is a success if its connection closes.
import assert from 'node:assert/strict'
import http2 from 'node:http2'
import net from 'node:net'
import axios from 'axios'
import { at } from './network.mjs'

export const promise =
  'README: "Axios supports HTTP/2 [...]"; RFC 9113, 8.1.1: "Clients MUST NOT accept a malformed response."'
// A packet that starts with a frame of 4 bytes of data: the second half of the body.
export const options = {
  ...at('reset', 'src port 8000 and tcp[((tcp[12] & 240) / 4) + 2 : 2] = 1024'),
  timeout: '8s',
}

const answer = (_, reply) => {
  reply.writeHead(200, { 'content-length': 8 }).write('half')
  setTimeout(() => reply.end('half'), 300)
}
// If it loses the server, it closes the client's connection, as the kernel of a killed server does.
const forward = down => {
  const up = net.connect(8000, 'server').on('error', () => down.end())
  down.pipe(up).pipe(down)
}
export default async ({ lab }) => {
  const [client, proxy, server] = lab.hosts('client', 'proxy', 'server')
  await lab.cable(client, proxy)
  await lab.cable(proxy, server)
  await server.run(() => http2.createServer(answer).listen(8000))
  await proxy.run(() => net.createServer(forward).listen(80))
  const reply = await client.run(() =>
    axios.get('http://proxy', { httpVersion: 2 }).catch(() => null),
  )
  if (reply) {
    assert.equal(reply.data, 'halfhalf', `status ${reply.status}`)
  }
}
