// A resolver over a link that loses its first question, by toxiproxy-node-client:
//   npm install toxiproxy-node-client; vnet toxiproxy & node client.mjs
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { Toxiproxy } from 'toxiproxy-node-client'

const server = net.createServer(socket => socket.pipe(socket)).listen(0, '127.0.0.1')
await once(server, 'listening')
const toxiproxy = new Toxiproxy('http://127.0.0.1:8474')
const upstream = `127.0.0.1:${server.address().port}`
const proxy = await toxiproxy.createProxy({ name: 'echo', listen: '127.0.0.1:0', upstream })
await proxy.addToxic({ type: 'latency', attributes: { latency: 100, jitter: 0 } })

const start = performance.now()
const socket = net.connect(Number(proxy.listen.split(':')[1]), '127.0.0.1')
socket.write('hello')
const [reply] = await once(socket, 'data')
console.log(`${reply} after ${Math.round(performance.now() - start)} ms`)
socket.destroy()
await proxy.remove()

// What toxiproxy has not: a proxy of UDP that loses the first datagram.
const echo = dgram.createSocket('udp4', (bytes, from) => echo.send(bytes, from.port, from.address))
echo.bind(0, '127.0.0.1')
await once(echo, 'listening')
const body = {
  name: 'udp',
  listen: '127.0.0.1:0',
  upstream: `127.0.0.1:${echo.address().port}`,
  network: 'udp',
}
const lossy = await toxiproxy.createProxy(body)
await lossy.addToxic({ type: 'drop', stream: 'upstream', attributes: { first: 1 } })
const client = dgram.createSocket('udp4')
const port = Number(lossy.listen.split(':')[1])
for (const text of ['first', 'second']) {
  client.send(text, port, '127.0.0.1')
}
const [datagram] = await once(client, 'message')
console.log(`${datagram} of two datagrams`)
client.close()
echo.close()
server.close()
await lossy.remove()
