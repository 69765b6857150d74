// nats 2.29.3: a drain() that the end of the connection interrupts never settles.
import net from 'node:net'
import { connect } from 'nats'
import { at, between } from './network.mjs'

export const promise =
  'core.d.ts, drain(): "returns a promise that resolves when the drain completes and the connection closes"'
export const options = at('reset', 'src port 4222 and greater 200') // The last message.

const INFO = { server_id: 'a', version: '2.10.0', max_payload: 1024, proto: 1 }
const greet = socket => {
  socket.on('error', () => {}).write(`INFO ${JSON.stringify(INFO)}\r\n`)
  socket.on('data', bytes => {
    if (bytes.includes('PING')) {
      const last = bytes.includes('UNSUB') ? `MSG news 1 200\r\n${'x'.repeat(200)}\r\n` : ''
      socket.write(`${last}PONG\r\n`)
    }
  })
}

export default between(
  () => net.createServer(greet).listen(4222),
  async ({ settles }) => {
    const client = await connect({ servers: 'server', reconnect: false })
    client.subscribe('news', { callback() {} })
    const drained = client.drain().catch(() => {}) // An error would be right.
    await settles(drained, { within: '8s', what: 'drain' })
  },
)
