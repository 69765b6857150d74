/** Returns the reply to a query: its question, and the address 192.0.2.1. */
function replyTo(query) {
  const answer = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]
  const question = query.subarray(12, query.indexOf(0, 12) + 5)
  const [high, low] = query
  return Buffer.from([high, low, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...question, ...answer])
}

/** Starts a DNS server on a host. */
export async function serveNames(host) {
  const socket = await host.createSocket('udp4', 53)
  socket.on('message', (query, from) => socket.send(replyTo(query), from.port, from.address))
}
