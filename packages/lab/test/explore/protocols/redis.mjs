// Redis over ioredis: a counter, and a message to a subscriber.
import { hosts, run, start } from './net.mjs'

const options = ['--port', '6379', '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '', '--dir', '/tmp']

export default async function scenario({ lab, signal }) {
  const { client, server } = await hosts(lab)
  await start(server, 'Ready to accept connections', 'redis-server', options)
  await run(client, 'redis-client.mjs', signal)
}
