/** The agents of a host for node:http and node:https, and the TLS options of its fetch. */
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { createLab } from '../../src/index.ts'
import { pem } from '../memory/certificate.ts'

async function clientAndServer(world: 'kernel' | 'memory') {
  const lab = await createLab({ world })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  return { client, server, [Symbol.asyncDispose]: () => lab.close() }
}

describe.each(['kernel', 'memory'] as const)('in the world %s', world => {
  test('options that choose addresses of a connection are those of node:net', async () => {
    await using lab = await clientAndServer(world)
    const { client, server } = lab
    const answer: http.RequestListener = ({ socket }, response) =>
      response.end(`${socket.remoteAddress?.replace('::ffff:', '')} ${socket.remotePort}`)
    await server.listen(http.createServer(answer), 80)
    await server.listen(https.createServer({ key: pem, cert: pem }, answer), 443)
    const [v4, v6] = client.addresses
    const lookup: net.LookupFunction = (_name, { all }, done) =>
      all
        ? done(null, [{ address: server.addresses[1] as string, family: 6 }])
        : done(null, server.addresses[1] as string, 6)
    const from: Readonly<Record<string, string>> = {
      localPort: `${v4} 5555`,
      localAddress: `${v6} `,
      family: `${v6} `,
      lookup: `${v6} `,
    }
    const given = { localPort: 5555, localAddress: v6, family: 6, lookup }
    for (const [name, expected] of Object.entries(from)) {
      const family = { localPort: 4, localAddress: 6 }[name]
      const option = { [name]: given[name as keyof typeof given], ...(family && { family }) }
      const plain = http.get({ agent: client.agent(option as object), host: 'server' })
      expect(await text((await once(plain, 'response'))[0])).toContain(expected)
      if (name === 'localPort') continue
      const secure = https.get({
        agent: client.httpsAgent(),
        host: 'server',
        rejectUnauthorized: false,
        ...option,
      })
      expect(await text((await once(secure, 'response'))[0])).toContain(expected)
      const tls = { rejectUnauthorized: false, ...option }
      expect(await (await client.fetch('https://server/', { tls })).text()).toContain(expected)
    }
  })

  test('timeout of an agent and of a request ends the wait for a silent server', async () => {
    await using lab = await clientAndServer(world)
    const { client, server } = lab
    await server.listen(http.createServer(), 80)
    await server.listen(https.createServer({ key: pem, cert: pem }), 443)
    const ca = { ca: pem, host: 'server' }
    for (const request of [
      http.get({ agent: client.agent({ timeout: 300 }), host: 'server' }),
      http.get({ agent: client.agent(), host: 'server', timeout: 300 }),
      https.get({ agent: client.httpsAgent({ timeout: 300 }), ...ca }),
      https.get({ agent: client.httpsAgent(), timeout: 300, ...ca }),
    ]) {
      request.on('error', () => {})
      await once(request, 'timeout')
      request.destroy()
    }
  })

  test('noDelay of an agent is set on its connections, as in Node by default', async () => {
    await using lab = await clientAndServer(world)
    const { client, server } = lab
    await server.listen(http.createServer(), 80)
    for (const noDelay of [true, false]) {
      const request = http
        .get({ agent: client.agent({ noDelay } as object), host: 'server' })
        .on('error', () => {})
      const [socket] = await once(request, 'socket')
      const key = Object.getOwnPropertySymbols(socket).find(
        each => each.description === 'kSetNoDelay',
      )
      expect(socket[key as symbol]).toBe(noDelay)
    }
  })
})
