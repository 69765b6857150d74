// amqp-connection-manager 5.0.0: a message in flight when the connection breaks is not sent again.
import amqp from 'amqp-connection-manager'
import { serve } from '../servers/amqp.mjs'
import { at, between } from './network.mjs'

export const promise =
  'ChannelWrapper.d.ts: "messages are queued internally and are guaranteed to be delivered."'
// The confirm, Basic.Ack. An error breaks the promise, too.
export const options = { ...at('reset', 'src port 5672 and len = 87'), strict: true }
const listen = () => serve()

export default between(listen, async () => {
  const manager = amqp.connect('amqp://server', { reconnectTimeInSeconds: 1 })
  const sent = manager.createChannel().sendToQueue('queue', 'message')
  await sent.finally(() => manager.close())
})
