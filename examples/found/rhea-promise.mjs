// rhea-promise 3.0.3: close() never settles if the connection is lost meanwhile.
import rhea from 'rhea'
import { Connection } from 'rhea-promise'
import { at, between } from './network.mjs'

export const promise =
  'connection.d.ts: "[...] then the Promise will be rejected after timeout occurs"'
// The frame detach, of the code 22.
export const options = at('reset', 'dst port 5672 and tcp[((tcp[12] & 240) / 4) + 10] = 22')

const listen = () => {
  const server = rhea.create_container()
  for (const name of ['error', 'disconnected', 'protocol_error']) {
    server.on(name, () => {})
  }
  server.listen({ port: 5672 })
}

export default between(listen, async ({ settles }) => {
  const options = { host: 'server', port: 5672, transport: 'tcp', username: 'me' }
  const connection = new Connection({ ...options, reconnect: false, operationTimeoutInSeconds: 1 })
  connection.on('disconnected', () => {})
  await connection.open()
  const sender = await connection.createSender({ target: { address: 'queue' } })
  const closed = sender.close().catch(() => {})
  await settles(closed, { within: '5s' }).finally(() => connection._connection.socket.destroy())
})
