/** SOCKS 5 without authentication (RFC 1928), to a name or an address of IPv4. */
import net from 'node:net'
import { listening, multiplyingHttp } from './listening.mjs'

function serveClient(client) {
  client.on('error', () => {})
  client.once('data', () => {
    client.write(Uint8Array.of(5, 0))
    client.once('data', request => {
      const end = request[3] === 3 ? 5 + request[4] : 8
      const host =
        request[3] === 3 ? request.toString('latin1', 5, end) : request.subarray(4, 8).join('.')
      const to = net.connect(request.readUInt16BE(end), host, () => {
        client.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        client.pipe(to).pipe(client)
      })
      to.on('error', () => client.destroy())
    })
  })
}

export const socksServer = async () => {
  const ends = [await multiplyingHttp(), await listening(net.createServer(serveClient), 1080)]
  return () => Promise.all(ends.map(end => end()))
}
