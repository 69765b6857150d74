import mqtt from 'mqtt'
import { same } from './net.mjs'

const client = await mqtt.connectAsync('mqtt://server')
const received = []
const arrived = new Promise(resolve =>
  client.on('message', (topic, payload) => {
    received.push(`${topic}: ${payload}`)
    resolve()
  }),
)
await client.subscribeAsync('greetings', { qos: 2 })
await client.publishAsync('greetings', 'hello', { qos: 2 })
await arrived
await client.endAsync()
same(received.join(), 'greetings: hello')
