import { once } from 'node:events'
import { Redis } from 'ioredis'
import { same } from './net.mjs'

// A command that was sent is not sent again: INCR could count twice.
const options = {
  host: 'server',
  family: 4,
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
await Promise.all([subscriber.quit(), client.quit()])
