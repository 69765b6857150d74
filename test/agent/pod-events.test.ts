/** Events of pods, with an API server of the test. */
import { renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clusterOf } from '#src/agent/pod-events.ts'
import { apiServers, POD } from './api-server.ts'

const api = apiServers()

test('a mistake is a Warning of its pod, with the token of the moment', async () => {
  await api.events.send(POD, 'the reason')
  // Kubernetes replaces the file.
  writeFileSync(join(api.account, 'next'), 'second')
  renameSync(join(api.account, 'next'), join(api.account, 'token'))
  await api.events.send(POD, 'x'.repeat(2000))
  expect(
    api.requests.map(({ request }) => [request.method, request.url, request.headers.authorization]),
  ).toEqual([
    ['POST', '/api/v1/namespaces/shop/events', 'Bearer first'],
    ['POST', '/api/v1/namespaces/shop/events', 'Bearer second'],
  ])
  const [first, second] = api.requests.map(({ body }) => JSON.parse(body))
  expect(first).toMatchObject({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: 'web-7f.', namespace: 'shop' },
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'shop',
      name: 'web-7f',
      uid: 'u-1',
    },
    type: 'Warning',
    reason: 'NoWire',
    message: 'the reason',
    source: { component: 'vnet', host: hostname() },
    count: 1,
  })
  expect(first.firstTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  expect(second.message).toHaveLength(1024)
  expect(api.logged).toEqual([])
})

test('an API that refuses is one line, until it takes one', async () => {
  api.status = 403
  await api.events.send(POD, 'one')
  await api.events.send(POD, 'two')
  expect(api.logged).toEqual(['no Event of pod shop/web-7f: the API replies with status 403'])
  api.status = 201
  await api.events.send(POD, 'three')
  api.status = 403
  await api.events.send(POD, 'four')
  expect([api.logged.length, api.requests.length]).toEqual([2, 4])
})

test('an API that does not reply delays nobody, and later events follow', async () => {
  api.status = undefined
  void api.events.send(POD, 'first')
  void api.events.send(POD, 'second')
  await expect.poll(() => api.requests.length).toBe(1)
  api.status = 201
  api.server.closeAllConnections()
  await api.events.send(POD, 'last')
  expect([api.requests.length, api.logged]).toEqual([
    3,
    ['no Event of pod shop/web-7f: socket hang up'],
  ])
})

test('a certificate of another authority is refused', async () => {
  api.trust('other')
  await api.events.send(POD, 'one')
  expect([api.requests, api.logged.length]).toEqual([[], 1])
})

test('without a service account or an address, no cluster is found', () => {
  const env = { KUBERNETES_SERVICE_HOST: '192.0.2.1' }
  expect(clusterOf(env, api.account)).toMatchObject({ host: '192.0.2.1', port: '443' })
  expect(clusterOf({}, api.account)).toBeUndefined()
  expect(clusterOf(env, join(api.account, 'none'))).toBeUndefined()
})
