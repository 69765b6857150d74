/** Events of pods, with an API server of the test. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { clusterOf, PodEvents } from '#src/agent/pod-events.ts'
import { LOGLEVEL_WARNING, Log } from '#src/base/index.ts'
import { fileDirectory, freshDirectory } from '#support/fresh-directory.ts'

const certificates = fileDirectory()
const account = freshDirectory()
const POD = { namespace: 'shop', pod: 'web-7f', uid: 'u-1' }
let server: Server
let status: number | undefined
let requests: { request: IncomingMessage; body: string }[]
let logged: string[]
let events: PodEvents

/** Makes a key and a certificate of the address, NAME.pem and NAME.crt, signed with the key. */
function certify(name: string): void {
  const subject = ['-subj', '/CN=api', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-newkey', 'ed25519', '-nodes', '-keyout', `${name}.pem`, '-out', `${name}.crt`]
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...files, ...subject], {
    cwd: certificates,
    stdio: 'ignore',
  })
}

/** Makes the account trust the owner of a certificate. */
function trust(name: string): void {
  copyFileSync(join(certificates, `${name}.crt`), join(account, 'ca.crt'))
}

beforeAll(() => {
  certify('own')
  certify('other')
})
beforeEach(async () => {
  trust('own')
  const file = (name: string) => readFileSync(join(certificates, name))
  writeFileSync(join(account, 'token'), 'first\n')
  status = 201
  requests = []
  logged = []
  server = createServer(
    { key: file('own.pem'), cert: file('own.crt') },
    async (request, response) => {
      requests.push({ request, body: await text(request) })
      if (status !== undefined) {
        response.writeHead(status).end('{}')
      }
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const cluster = clusterOf(
    { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: `${port}` },
    account,
  )
  if (cluster === undefined) throw new Error('there is no cluster')
  events = new PodEvents(cluster, new Log(LOGLEVEL_WARNING, (_, line) => logged.push(line)))
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

test('a mistake is a Warning of its pod, with the token of the moment', async () => {
  await events.send(POD, 'the reason')
  // Kubernetes replaces the file.
  writeFileSync(join(account, 'next'), 'second')
  renameSync(join(account, 'next'), join(account, 'token'))
  await events.send(POD, 'x'.repeat(2000))
  expect(
    requests.map(({ request }) => [request.method, request.url, request.headers.authorization]),
  ).toEqual([
    ['POST', '/api/v1/namespaces/shop/events', 'Bearer first'],
    ['POST', '/api/v1/namespaces/shop/events', 'Bearer second'],
  ])
  const [first, second] = requests.map(({ body }) => JSON.parse(body))
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
  expect(logged).toEqual([])
})

test('an API that refuses is one line, until it takes one', async () => {
  status = 403
  await events.send(POD, 'one')
  await events.send(POD, 'two')
  expect(logged).toEqual(['no Event of pod shop/web-7f: the API replies with status 403'])
  status = 201
  await events.send(POD, 'three')
  status = 403
  await events.send(POD, 'four')
  expect([logged.length, requests.length]).toEqual([2, 4])
})

test('an API that does not reply delays nobody, and no more than a hundred events wait for it', async () => {
  status = undefined
  for (let i = 0; i < 150; i++) {
    void events.send(POD, `${i}`)
  }
  await expect.poll(() => requests.length).toBe(1)
  status = 201
  server.closeAllConnections()
  await events.send(POD, 'last')
  expect([requests.length, logged]).toEqual([100, ['no Event of pod shop/web-7f: socket hang up']])
})

test('a certificate of another authority is refused', async () => {
  trust('other')
  await events.send(POD, 'one')
  expect([requests, logged.length]).toEqual([[], 1])
})

test('there is no cluster without a service account or an address', () => {
  const env = { KUBERNETES_SERVICE_HOST: '192.0.2.1' }
  expect(clusterOf(env, account)).toMatchObject({ host: '192.0.2.1', port: '443' })
  expect(clusterOf({}, account)).toBeUndefined()
  expect(clusterOf(env, join(account, 'none'))).toBeUndefined()
})
