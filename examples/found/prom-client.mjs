// prom-client 15.1.3: a push never settles if the reply is cut by a close.
import http from 'node:http'
import net from 'node:net'
import { pipeline } from 'node:stream'
import prom from 'prom-client'
import { at } from './network.mjs'

export const promise = 'README, Pushgateway: "timeout: 5000, //Set the request timeout to 5000ms"'
export const options = at('reset', 'src port 8000 and len = 75') // The end of the reply.

const refuse = (_, reply) => {
  reply.writeHead(400, { 'content-length': 24 }).write('pushed metrics ')
  setTimeout(() => reply.end('are bad.\n'), 100)
}
// A load balancer of TCP closes when it has lost the server.
const balance = socket => pipeline(socket, net.connect(8000, 'server'), socket, () => {})

export default async ({ lab, settles }) => {
  const [client, balancer, server] = lab.hosts('client', 'balancer', 'server')
  await lab.cable(client, balancer)
  await lab.cable(balancer, server)
  await server.run(() => http.createServer(refuse).listen(8000))
  await balancer.run(() => net.createServer(balance).listen(9091))
  await client.run(async () => {
    const gateway = new prom.Pushgateway(
      'http://balancer:9091',
      { timeout: 1000 },
      new prom.Registry(),
    )
    const push = gateway.push({ jobName: 'test' }).catch(() => 'an error is right')
    await settles(push, { within: '8s' })
  })
}
