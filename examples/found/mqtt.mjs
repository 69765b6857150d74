// mqtt 5.16.0: after a lost SUBACK, a second subscribe reports success without a packet.
import mqtt from 'mqtt'
import { serve } from '../servers/mqtt.mjs'
import { at, between } from './network.mjs'

export const promise = 'README, mqtt.Client#subscribe: the callback is "fired on suback"'
export const options = at('reset', 'dst port 1883 and tcp[((tcp[12] & 240) / 4)] = 130')

const listen = () => serve()

export default between(listen, async ({ settles }) => {
  const connection = await mqtt.connectAsync('mqtt://server')
  connection.on('error', () => {})
  const arrived = new Promise(resolve => connection.once('message', resolve))
  await connection.subscribeAsync('news').catch(() => connection.subscribeAsync('news'))
  await connection.publishAsync('news', 'hello')
  await settles(arrived, { within: '5s' })
  await connection.endAsync()
})
