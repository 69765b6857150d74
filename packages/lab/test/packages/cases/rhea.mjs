import { once } from 'node:events'
import rhea from 'rhea'

export const serve = async () => {
  const container = rhea.create_container()
  container.on('sender_open', ({ sender }) => sender.set_source(sender.remote.attach.source))
  container.on('sendable', ({ sender }) => sender.send({ body: 6 * sender.source.address }))
  container.on('disconnected', () => {})
  const server = container.listen({ port: 5672 })
  await once(server, 'listening')
  return () => new Promise(resolve => server.close(resolve))
}
export const answer = 42
export const ask = async () => {
  const container = rhea.create_container()
  const connection = container.connect({ host: 'server', port: 5672, reconnect: false })
  connection.open_receiver('7')
  const [{ message }] = await once(container, 'message')
  connection.close()
  await once(container, 'connection_close')
  return message.body
}
