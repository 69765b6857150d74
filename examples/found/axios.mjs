// axios 1.21.1: over HTTP/2 no timeout rings once the connection closes before the reply.
import http2 from 'node:http2'
import net from 'node:net'
import axios from 'axios'
import { at } from './network.mjs'

export const promise =
  'README, Request config, timeout: "If the request takes longer than `timeout`, Axios aborts it."'
// A packet that starts with a frame of type 1, HEADERS: the head of the reply.
export const options = at('reset', 'src port 8000 and tcp[((tcp[12] & 240) / 4) + 3] = 1')

const answer = (_, reply) => setTimeout(() => reply.end('hello'), 300)
// If it loses the server, it closes the client's connection, as the kernel of a killed server does.
const forward = down => {
  const up = net.connect(8000, 'server').on('error', () => down.end())
  down.pipe(up).pipe(down)
}
export default async ({ lab, settles }) => {
  const [client, proxy, server] = lab.hosts('client', 'proxy', 'server')
  await lab.cable(client, proxy)
  await lab.cable(proxy, server)
  await server.run(() => http2.createServer(answer).listen(8000))
  await proxy.run(() => net.createServer(forward).listen(80))
  const reply = client.run(() => axios.get('http://proxy', { httpVersion: 2, timeout: 1000 }))
  await settles(
    reply.catch(() => 'an error is right'),
    { within: '5s' },
  )
}
