// TLS 1.3 over node:tls: a handshake, a line and its echo, and the end of both directions.
import { once } from 'node:events'
import tls from 'node:tls'
import { certificate, hosts, same } from './net.mjs'

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  const { key, cert } = certificate()
  const echo = tls.createServer({ key, cert, minVersion: 'TLSv1.3' }, socket => socket.pipe(socket))
  await server.listen(echo, 443)
  const socket = tls.connect({
    socket: await client.connect(443, 'server'),
    ca: cert,
    servername: 'server',
  })
  await once(socket, 'secureConnect')
  same(socket.getProtocol(), 'TLSv1.3')
  socket.end('hello')
  let text = ''
  for await (const chunk of socket) {
    text += chunk
  }
  same(text, 'hello')
}
