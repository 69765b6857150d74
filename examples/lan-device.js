/**
 * A thermometer on a network of its own: `vnet ./lan-device.js eth9`. It serves the temperature on
 * UDP port 4000 and over HTTP, and broadcasts it to UDP port 4001 once a second.
 */
import { createServer } from 'node:http'
import { host, lan } from '@vnet/lan'

const celsius = () => (20 + 3 * Math.sin(Date.now() / 60_000)).toFixed(1)

const web = createServer((_, response) => {
  response.setHeader('Content-Type', 'application/json').end(`{"celsius":${celsius()}}\n`)
})

const thermometer = host({
  name: 'thermometer',
  mac: '02:00:00:00:00:07',
  ip: '198.18.0.7',
  ip6: '2001:db8:0:1::7',
  on: {
    udp: { 4000: (_, reply) => reply(Buffer.from(`${celsius()}\n`)) },
    tcp: { 80: socket => web.emit('connection', socket) },
  },
})

export const driver = lan({
  hosts: [thermometer],
  start({ hosts }) {
    const device = hosts.byName('thermometer')
    const broadcast = () => {
      const data = Buffer.from(`${celsius()}\n`)
      hosts.sendUdp(device, {
        sourcePort: 4000,
        address: Uint8Array.of(255, 255, 255, 255),
        port: 4001,
        data,
      })
    }
    const timer = setInterval(broadcast, 1000)
    return () => clearInterval(timer)
  },
})
