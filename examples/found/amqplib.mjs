// amqplib 2.3.1: close() of a connection never settles if CloseOk is lost with the connection.
import amqp from 'amqplib'
import { serve } from '../servers/amqp.mjs'
import { at, between } from './network.mjs'

export const promise =
  'lib/connection.js: "calling `close` will return a promise, that will either resolve [...] or will reject"'
export const options = at('reset', 'src port 5672 and len = 78')

const listen = () => serve()

export default between(listen, async ({ settles }) => {
  const connection = await amqp.connect('amqp://server')
  connection.on('error', () => {})
  await settles(
    connection.close().catch(() => {}),
    { within: '10s' },
  )
})
