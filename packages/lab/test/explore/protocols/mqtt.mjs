// MQTT over aedes and mqtt: a message of QoS 2 to a topic that its sender has subscribed to.
import net from 'node:net'
import { Aedes } from 'aedes'
import { hosts, run } from './net.mjs'

export default async function scenario({ lab, signal }) {
  const { client, server } = await hosts(lab)
  const broker = await Aedes.createBroker()
  await server.listen(net.createServer(broker.handle), 1883)
  await run(client, 'mqtt-client.mjs', signal)
  await new Promise(resolve => broker.close(resolve))
}
