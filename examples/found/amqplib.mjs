// amqplib 2.3.1: close() of a connection never settles if CloseOk is lost with the connection.
import net from 'node:net'
import amqp from 'amqplib'
import { at, between } from './network.mjs'

export const promise =
  'lib/connection.js: "calling `close` will return a promise, that will either resolve [...] or will reject"'
export const options = at('reset', 'src port 5672 and len = 78')

/** Returns a method of class 10, `connection`, in a frame. */
const method = text =>
  Buffer.from(`\x01\0\0\0\0\0${String.fromCharCode(text.length + 3)}\0\n\0${text}\xce`, 'latin1')
const serve = socket => {
  socket.on('error', () => {})
  socket.on('data', bytes => {
    if (bytes.includes('AMQP')) {
      socket.write(method('\n\0\t\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US'))
    }
    if (bytes.includes('\n\0\x0b')) {
      socket.write(method('\x1e\0\x7f\0\x02\0\0\0\0'))
    }
    if (bytes.includes('\n\0(')) {
      socket.write(method(')\0'))
    }
    if (bytes.includes('\n\x002')) {
      socket.write(method('3'))
    }
  })
}
const listen = () => net.createServer(serve).listen(5672)

export default between(listen, async ({ settles }) => {
  const connection = await amqp.connect('amqp://server')
  connection.on('error', () => {})
  await settles(
    connection.close().catch(() => {}),
    { within: '10s' },
  )
})
