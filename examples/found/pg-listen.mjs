// pg-listen 1.7.0: `retryTimeout` does not bound an attempt that gets no reply.
import net from 'node:net'
import createSubscriber from 'pg-listen'
import { at, between } from './network.mjs'

export const promise =
  'Options.retryTimeout: "Timeout in ms after which to stop retrying and just fail. Defaults to 3000 ms."'
// The reply to the second connection, of 26 bytes.
export const options = at('silence forever', 'src port 5432 and len = 92')

const ready = 'R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I'
const parameter = 'S\0\0\0\x0ais_u\0\0'
let connections = 0
const answer = socket => {
  const isFirst = ++connections % 2 === 1
  socket
    .on('error', () => {})
    .once('data', () => {
      socket.write(isFirst ? ready : ready.replace('Z', `${parameter}Z`))
      if (isFirst) {
        setTimeout(() => socket.end(), 500)
      }
    })
}
const listen = () => net.createServer(answer).listen(5432)

export default between(listen, async ({ settles }) => {
  const connection = { host: 'server', user: 'user', database: 'postgres' }
  const subscriber = createSubscriber(connection, { paranoidChecking: false, retryTimeout: 2000 })
  await subscriber.connect()
  const reconnected = new Promise(resolve => {
    subscriber.events.once('connected', resolve).once('error', resolve)
  })
  await settles(reconnected, { within: '9s' })
  await subscriber.close()
})
