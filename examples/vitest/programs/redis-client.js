/** A worker with a client of Redis: runs the commands posted to it, and posts their results. */
import { parentPort, workerData } from 'node:worker_threads'
import { Redis } from 'ioredis'

const redis = new Redis({ ...workerData, retryStrategy: () => 50 })
redis.on('error', () => {})
redis.on('reconnecting', () => parentPort.postMessage('reconnecting'))
parentPort.on('message', async ([command, ...args]) =>
  parentPort.postMessage(await redis.call(command, ...args)),
)
