// DNS over UDP: the resolver of Node, which is c-ares, and a server with one address.
import { hosts, run } from './net.mjs'

/** Returns the reply to a query: its question, and the address 192.0.2.1. */
function replyTo(query) {
  const answer = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]
  const question = query.subarray(12, query.indexOf(0, 12) + 5)
  const [high, low] = query
  return Buffer.from([high, low, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...question, ...answer])
}

export default async function scenario({ lab, signal }) {
  const { client, server } = await hosts(lab)
  const socket = await server.createSocket('udp4', 53)
  socket.on('message', (query, from) => socket.send(replyTo(query), from.port, from.address))
  await run(client, 'dns-client.mjs', signal)
}
