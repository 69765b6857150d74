// amqp-connection-manager 5.0.0: a message in flight when the connection breaks is not sent again.
import net from 'node:net'
import amqp from 'amqp-connection-manager'
import { at, between } from './network.mjs'

export const promise =
  'ChannelWrapper.d.ts: "messages are queued internally and are guaranteed to be delivered."'
// The confirm, Basic.Ack. An error breaks the promise, too.
export const options = { ...at('reset', 'src port 5672 and len = 87'), strict: true }
const answers = {
  '414d5150': '0100000000001c000a000a00090000000000000005504c41494e00000005656e5f5553ce',
  '000a000b': '0100000000000c000a001e0000000010000000ce',
  '000a0028': '01000000000005000a002900ce',
  '000a0032': '01000000000004000a0033ce',
  '0014000a': '010001000000080014000b00000000ce',
  '00140028': '0100010000000400140029ce',
  '0055000a': '010001000000040055000bce',
  '003c0028': '0100010000000d003c0050000000000000000100ce',
}
const serve = socket => {
  socket.on('error', () => {})
  socket.on('data', bytes => {
    for (const method in answers) {
      if (bytes.includes(method, 'hex')) {
        socket.write(answers[method], 'hex')
      }
    }
  })
}
const listen = () => net.createServer(serve).listen(5672)

export default between(listen, async () => {
  const manager = amqp.connect('amqp://server', { reconnectTimeInSeconds: 1 })
  const sent = manager.createChannel().sendToQueue('queue', 'message')
  await sent.finally(() => manager.close())
})
