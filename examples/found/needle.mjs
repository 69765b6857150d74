// needle 3.5.0: if the server closes within a body, the promise never settles.
import http from 'node:http'
import net from 'node:net'
import needle from 'needle'
import { at } from './network.mjs'

export const promise =
  'README, done: "Needle\'s `done` will be fired either on success or on failure"'
export const options = at('reset', 'src port 8000 and tcp[tcpflags] & tcp-push != 0 and less 100')

const answer = (_, reply) => {
  reply.writeHead(200, { 'content-length': 60 }).write('a'.repeat(30))
  setTimeout(() => reply.end('b'.repeat(30)), 500)
}
// If it loses the server, it closes the client's connection, as the kernel of a killed server does.
const forward = down => {
  const up = net.connect(8000, 'server').on('error', () => down.end())
  down.pipe(up).pipe(down)
}
const ask = () =>
  needle('get', 'http://proxy', { open_timeout: 3000, response_timeout: 3000 }).catch(() => {})

export default async ({ lab, settles }) => {
  const [client, proxy, server] = lab.hosts('client', 'proxy', 'server')
  await lab.cable(client, proxy)
  await lab.cable(proxy, server)
  await server.run(() => http.createServer(answer).listen(8000))
  await proxy.run(() => net.createServer(forward).listen(80))
  await settles(client.run(ask), { within: '6s' })
}
