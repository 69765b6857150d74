import internal from 'nats/lib/nats-base-client/internal_mod.js'
import transport from 'nats/lib/src/node_transport.js'
import { same } from './net.mjs'

const { NatsConnectionImpl, setTransportFactory, StringCodec } = internal
const { encode, decode } = StringCodec()

/** Answers a request of its own over the host `server`. */
export async function useNats(host) {
  // nats has no option for its sockets: connect() of its main module is these lines.
  class Transport extends transport.NodeTransport {
    async dial({ port, hostname }) {
      const socket = await host.connect(port, hostname)
      return socket.setNoDelay(true)
    }
  }
  setTransportFactory({ factory: () => new Transport() })
  const nats = await NatsConnectionImpl.connect({ servers: 'server:4222' })
  nats.subscribe('upper', {
    callback: (_, message) => message.respond(encode(decode(message.data).toUpperCase())),
  })
  // A request that is lost has no reply: its timeout is longer than TCP takes to repeat a segment.
  const reply = await nats.request('upper', encode('hello'), { timeout: 3000 })
  same(decode(reply.data), 'HELLO')
  await nats.drain()
}
