// Publishes two messages, one after the other, and prints the messages that arrive at another
// client.
import mqtt from 'mqtt'

const LAST = '2'
// With `resubscribe`, mqtt.js 5.16.0 reports a subscription that the broker may not have yet.
const options = {
  clean: false,
  connectTimeout: 400,
  keepalive: 1,
  reconnectPeriod: 50,
  resubscribe: false,
}
const subscriber = mqtt.connect('mqtt://server', { ...options, clientId: 'subscriber' })
const publisher = mqtt.connect('mqtt://server', { ...options, clientId: 'publisher' })
for (const each of [subscriber, publisher]) {
  each.on('error', () => {})
}
const arrived = new Promise(resolve => {
  subscriber.on('message', (_, payload) => {
    console.log(String(payload))
    if (String(payload) === LAST) {
      resolve()
    }
  })
})

const subscribed = () =>
  subscriber.subscribeAsync('numbers', { qos: 2 }).then(
    () => true,
    () => false,
  )
// A lost connection rejects a subscription.
while (!(await subscribed())) {
  await new Promise(resolve => setTimeout(resolve, 50))
}
for (let n = 1; n <= Number(LAST); n++) {
  await publisher.publishAsync('numbers', String(n), { qos: 2 })
}
await arrived
await Promise.all([subscriber.endAsync(), publisher.endAsync()])
