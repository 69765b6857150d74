// memcached 2.2.2: a callback is never called if the connection breaks before the reply.
import net from 'node:net'
import Memcached from 'memcached'
import { at, between } from './network.mjs'

export const promise =
  'README, Callbacks: "`error`: A error response if something went wrong while retrieving data [...]"'
export const options = at('reset', 'dst port 11211 and len = 75') // The command.

const serve = socket => {
  socket.on('error', () => {})
  socket.on('data', () => socket.write('END\r\n'))
}
const listen = () => net.createServer(serve).listen(11211)

export default between(listen, async ({ settles }) => {
  const cache = new Memcached('server:11211', { timeout: 1000, idle: 1000, retries: 0 })
  const called = new Promise(resolve => cache.get('key', resolve))
  await settles(called, { within: '10s' }).finally(() => cache.end())
})
