/** A database driver (npm: ioredis) survives a reset connection. */

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from '@vnet/lab/vitest'
import { expect } from 'vitest'

const isInstalled = spawnSync('redis-server', ['--version']).status === 0

test('a client of Redis connects again when its connection is reset', async ({ lab, skip }) => {
  if (!isInstalled && process.env.VNET_REQUIRED !== '1') {
    skip('there is no redis-server: apt install redis-server')
  }
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const redis = server.spawn('redis-server', ['--save', '', '--protected-mode', 'no'])
  for await (const text of redis.stdout) {
    if (String(text).includes('Ready to accept connections')) {
      break
    }
  }

  const worker = client.worker(new URL('programs/redis-client.js', import.meta.url), {
    workerData: { host: 'server' },
  })
  const call = async (...words) => {
    worker.postMessage(words)
    return (await once(worker, 'message'))[0]
  }
  expect(await call('set', 'color', 'blue')).toBe('OK')

  await link.ab.fault('reset', 'tcp dst port 6379', { first: 1 })
  expect(await call('get', 'color')).toBe('reconnecting')
  expect(await once(worker, 'message')).toEqual(['blue'])
})
