// sockjs-client 1.6.1: in Node, xhr-streaming emits no close after a FIN.
import http from 'node:http'
import net from 'node:net'
import { pipeline } from 'node:stream'
import sockjs from 'sockjs'
import SockJS from 'sockjs-client'
import { at } from './network.mjs'

export const promise =
  'README: "The API should follow HTML5 Websockets API as closely as possible."'
export const options = at('reset', 'src port 81 and tcp[tcpflags] & tcp-push != 0 and less 90')

const ticks = sockjs.createServer({ log() {} })
ticks.on('connection', peer => peer && setTimeout(() => peer.write('tick'), 300))
// If the proxy loses the server, it ends the connection of the client by a FIN.
const relay = down => pipeline(down, net.connect(81, 'server'), down, () => {})

export default async ({ lab, settles }) => {
  const [client, proxy, server] = lab.hosts('client', 'proxy', 'server')
  await Promise.all([lab.cable(client, proxy), lab.cable(proxy, server)])
  await server.run(() =>
    ticks.installHandlers(http.createServer().listen(81), { prefix: '/ticks' }),
  )
  await proxy.run(() => net.createServer(relay).listen(80))
  await client.run(async () => {
    const socket = new SockJS('http://proxy/ticks', null, {
      transports: 'xhr-streaming',
      timeout: 2000,
    })
    const heard = new Promise(resolve =>
      Object.assign(socket, { onclose: resolve, onmessage: resolve }),
    )
    await settles(heard, { within: '5s' })
  })
}
