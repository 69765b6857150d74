// MQTT over aedes and mqtt: a message of QoS 2 to a topic that its sender has subscribed to.
import { once } from 'node:events'
import net from 'node:net'
import { Aedes } from 'aedes'
import { MqttClient } from 'mqtt'
import { hosts, same } from './net.mjs'

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  const broker = await Aedes.createBroker()
  await server.listen(net.createServer(broker.handle), 1883)

  const mqtt = new MqttClient(() => client.createConnection(1883, 'server'), {})
  const received = []
  mqtt.on('message', (topic, payload) => received.push(`${topic}: ${payload}`))
  const arrived = once(mqtt, 'message')
  await once(mqtt, 'connect')
  await mqtt.subscribeAsync('greetings', { qos: 2 })
  await mqtt.publishAsync('greetings', 'hello', { qos: 2 })
  await arrived
  await mqtt.endAsync()
  same(received.join(), 'greetings: hello')
  await new Promise(resolve => broker.close(resolve))
}
