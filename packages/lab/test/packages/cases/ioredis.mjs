import Redis from 'ioredis'
import { redisServer } from '../servers/redis.mjs'

export const serve = redisServer
export const answer = [42, 'kept']
export const ask = async () => {
  const redis = new Redis('redis://server')
  await redis.set('key', 'kept')
  const results = [await redis.call('MULTIPLY', 6, 7), await redis.get('key')]
  redis.disconnect()
  return results
}
