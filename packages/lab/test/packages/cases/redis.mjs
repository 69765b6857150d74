import { createClient } from 'redis'
import { redisServer } from '../servers/redis.mjs'

export const serve = redisServer
export const answer = [42, 'kept']
export const ask = async () => {
  const redis = await createClient({ url: 'redis://server', RESP: 2 }).connect()
  await redis.set('key', 'kept')
  const results = [await redis.sendCommand(['MULTIPLY', '6', '7']), await redis.get('key')]
  redis.destroy()
  return results
}
