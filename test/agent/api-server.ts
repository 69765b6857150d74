/** An API server of Kubernetes, and the events that a daemon sends to it. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeAll, beforeEach } from 'vitest'
import { clusterOf, PodEvents } from '#src/agent/pod-events.ts'
import { LOGLEVEL_WARNING, Log } from '#src/base/index.ts'
import { fileDirectory, freshDirectory } from '#support/fresh-directory.ts'

export const POD = { namespace: 'shop', pod: 'web-7f', uid: 'u-1' }

interface Api {
  /** The directory of the service account. */
  readonly account: string
  server: Server
  /** The status of the replies; undefined for none. */
  status: number | undefined
  requests: { request: IncomingMessage; body: string }[]
  logged: string[]
  events: PodEvents
  /** Makes the account trust the owner of a certificate, `own` or `other`. */
  trust(name: string): void
}

/** Returns an object with another server in each test. Call it once in a test file. */
export function apiServers(): Api {
  const certificates = fileDirectory()
  const account = freshDirectory()

  /** Makes a key and a certificate of the address, NAME.pem and NAME.crt, signed with the key. */
  function certify(name: string): void {
    const subject = ['-subj', '/CN=api', '-addext', 'subjectAltName=IP:127.0.0.1']
    const files = ['-newkey', 'ed25519', '-nodes', '-keyout', `${name}.pem`, '-out', `${name}.crt`]
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...files, ...subject], {
      cwd: certificates,
      stdio: 'ignore',
    })
  }

  function trust(name: string): void {
    copyFileSync(join(certificates, `${name}.crt`), join(account, 'ca.crt'))
  }

  const api = { account, trust } as Api
  beforeAll(() => {
    certify('own')
    certify('other')
  })
  beforeEach(async () => {
    trust('own')
    const file = (name: string) => readFileSync(join(certificates, name))
    writeFileSync(join(account, 'token'), 'first\n')
    const server = createServer(
      { key: file('own.pem'), cert: file('own.crt') },
      async (request, response) => {
        api.requests.push({ request, body: await text(request) })
        if (api.status !== undefined) {
          response.writeHead(api.status).end('{}')
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
    const log = new Log(LOGLEVEL_WARNING, (_, line) => api.logged.push(line))
    const events = new PodEvents(cluster, log)
    Object.assign(api, { server, events, status: 201, requests: [], logged: [] })
  })
  afterEach(() => {
    api.server.closeAllConnections()
    api.server.close()
  })
  return api
}
