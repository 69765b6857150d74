// Publishes two messages with an id, each until it is acknowledged, and prints the messages of the
// stream.
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'

const timeout = 400
const connection = await connect({
  servers: 'server',
  timeout,
  waitOnFirstConnect: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 50,
  pingInterval: timeout,
  maxPingOut: 1,
})

/** Tries an operation with a timeout until it succeeds. */
async function insist(attempt) {
  for (;;) {
    try {
      return await attempt()
    } catch {}
  }
}

const name = 'numbers'
const manager = await insist(() => jetstreamManager(connection, { timeout }))
await insist(() => manager.streams.add({ name, subjects: ['number'] }))
const stream = jetstream(connection, { timeout })
for (const msgID of ['1', '2']) {
  await insist(() => stream.publish('number', msgID, { msgID, timeout }))
}
const { state } = await insist(() => manager.streams.info(name))
const kept = []
for (let seq = 1; seq <= state.messages; seq++) {
  const message = await insist(() => manager.streams.getMessage(name, { seq }))
  kept.push(message.string())
}
console.log(`kept ${kept}`)
await connection.close()
