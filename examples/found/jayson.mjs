// jayson 5.0.0: a TCP client takes a reply that is cut by a close for a success without a result.
import assert from 'node:assert/strict'
import net from 'node:net'
import { pipeline } from 'node:stream'
import jayson from 'jayson/promise/index.js'
import { at } from './network.mjs'

export const promise = 'README, Promises: "network errors and the like will result in rejection"'
export const options = at('reset', 'src port 8000 and len = 79') // The second half.

const answer = socket => {
  socket.write('{"jsonrpc":"2.0","id":1,')
  setTimeout(() => socket.write('"result":42}\n'), 100)
}
const serve = socket => socket.on('error', () => {}).on('data', () => answer(socket))
// A load balancer of TCP closes when it has lost the server.
const balance = socket => pipeline(socket, net.connect(8000, 'server'), socket, () => {})

export default async ({ lab }) => {
  const [client, balancer, server] = lab.hosts('client', 'balancer', 'server')
  await lab.cable(client, balancer)
  await lab.cable(balancer, server)
  await server.run(() => net.createServer(serve).listen(8000))
  await balancer.run(() => net.createServer(balance).listen(80))
  const rpc = new jayson.Client.tcp({ host: 'balancer', port: 80 })
  const reply = await client.run(() =>
    rpc.request('multiply', [6, 7], 1).catch(() => 'an error is right'),
  )
  assert.notEqual(reply, undefined, 'resolved without a result')
}
