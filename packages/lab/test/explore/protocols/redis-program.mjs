// Redis over redis-server and ioredis.
import { hosts, start } from './net.mjs'
import { useRedis } from './redis-client.mjs'

const options = [
  '--port',
  '6379',
  '--bind',
  '0.0.0.0',
  '--protected-mode',
  'no',
  '--save',
  '',
  '--dir',
  '/tmp',
]

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  await start(server, 'Ready to accept connections', 'redis-server', options)
  await useRedis(client)
}
