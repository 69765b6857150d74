// Publishes messages until two are confirmed, and prints them. The last line has the queue's.
import { once } from 'node:events'
import amqp from 'amqplib'

const QUEUE = 'numbers'

/** Connects until `use` resolves, with a channel with confirmations. */
async function withChannel(use) {
  for (;;) {
    try {
      const connection = await amqp.connect('amqp://server?heartbeat=1', { timeout: 400 })
      connection.on('error', () => {})
      try {
        const channel = await connection.createConfirmChannel()
        channel.on('error', () => {})
        await channel.assertQueue(QUEUE, { durable: true })
        return await use(channel)
      } finally {
        // close() alone may never settle in amqplib 2.3.1.
        await Promise.race([connection.close(), once(connection, 'close')])
      }
    } catch {
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

let n = 0
for (let confirmed = 0; confirmed < 2; confirmed++) {
  await withChannel(async channel => {
    n++
    channel.sendToQueue(QUEUE, Buffer.from(String(n)), { persistent: true })
    await channel.waitForConfirms()
    console.log(n)
  })
}
const kept = await withChannel(async channel => {
  const found = []
  for (
    let message = await channel.get(QUEUE);
    message !== false;
    message = await channel.get(QUEUE)
  ) {
    found.push(message.content.toString())
  }
  return found
})
console.log(kept.join(' '))
