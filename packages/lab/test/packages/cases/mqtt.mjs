import net from 'node:net'
import { Aedes } from 'aedes'
import mqtt from 'mqtt'
import { listening } from '../servers/listening.mjs'

export const serve = async () => {
  const broker = await Aedes.createBroker()
  await broker.subscribe('ask', ({ payload }, done) =>
    broker.publish({ topic: 'reply', payload: `${6 * payload}` }, done),
  )
  return listening(net.createServer(broker.handle), 1883)
}
export const answer = '42'
export const ask = async () => {
  const client = await mqtt.connectAsync('mqtt://server')
  await client.subscribeAsync('reply', { qos: 1 })
  const reply = new Promise(resolve =>
    client.once('message', (_topic, payload) => resolve(String(payload))),
  )
  await client.publishAsync('ask', '7', { qos: 1 })
  const product = await reply
  await client.endAsync()
  return product
}
