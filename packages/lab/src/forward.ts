/** A server in a lab for a server of the machine, which is on localhost outside. */
import net from 'node:net'
import { pipeline } from 'node:stream'

/**
 * Returns a TCP server that connects each of its clients to `port` of localhost, in the network
 * namespace of this process. A client is disconnected if that fails.
 */
export function forwarder(port: number): net.Server {
  return net.createServer({ allowHalfOpen: true, noDelay: true }, client => {
    const server = net.connect({ port, host: 'localhost', allowHalfOpen: true, noDelay: true })
    // An error destroys both sockets.
    pipeline(client, server, client, () => {})
  })
}
