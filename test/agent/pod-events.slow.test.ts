/** Many events of pods: each has a connection of its own. */
import { expect, test } from 'vitest'
import { apiServers, POD } from './api-server.ts'

const api = apiServers()

test('an API that does not reply delays nobody, and no more than a hundred events wait for it', async () => {
  api.status = undefined
  for (let i = 0; i < 150; i++) {
    void api.events.send(POD, `${i}`)
  }
  await expect.poll(() => api.requests.length).toBe(1)
  api.status = 201
  api.server.closeAllConnections()
  await api.events.send(POD, 'last')
  expect([api.requests.length, api.logged]).toEqual([
    100,
    ['no Event of pod shop/web-7f: socket hang up'],
  ])
})
