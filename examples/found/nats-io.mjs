// @nats-io/transport-node 3.4.0: a connect that has timed out leaves its socket open.
import assert from 'node:assert/strict'
import net from 'node:net'
import { connect } from '@nats-io/transport-node'
import { at, between } from './network.mjs'

export const promise =
  'ConnectionOptions.timeout: "milliseconds the client should wait for a server handshake to be established"'
export const options = at('silence 3s', 'src port 4222 and greater 150')

const INFO = { server_id: 'a', version: '2.10.0', max_payload: 1024, proto: 1, headers: true }
const sockets = new Set()
const greet = socket => {
  sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
  socket.write(`INFO ${JSON.stringify(INFO)}\r\n`)
  socket.on('data', bytes => bytes.includes('PING') && socket.write('PONG\r\n'))
}

export default between(
  () => net.createServer(greet).listen(4222),
  async ({ lab }) => {
    sockets.clear()
    await connect({ servers: 'server', timeout: 1000, reconnect: false }).then(
      connection => connection.close(),
      () => {},
    )
    await lab.sleep(8000)
    assert.equal(sockets.size, 0, 'the connection is still open')
  },
)
