import { once } from 'node:events'
import { AbstractConnector, Redis } from 'ioredis'
import { same } from './net.mjs'

/** Counts, and sends a message from one client of the host to another one, over `server`. */
export async function useRedis(host) {
  class Connector extends AbstractConnector {
    constructor({ disconnectTimeout }) {
      super(disconnectTimeout)
    }

    async connect() {
      this.stream = host.createConnection(6379, 'server')
      return this.stream
    }
  }
  // A command that was sent is not sent again: INCR could count twice.
  const options = {
    Connector,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
  }
  const [subscriber, client] = [new Redis(options), new Redis(options)]
  await subscriber.subscribe('news')
  const arrived = once(subscriber, 'message')
  same(await client.incr('n'), 1)
  same(await client.publish('news', 'hello'), 1)
  same((await arrived)[1], 'hello')
  const clients = [subscriber, client]
  const ended = clients.map(each => once(each, 'end'))
  await Promise.all([...clients.map(each => each.quit()), ...ended])
}
