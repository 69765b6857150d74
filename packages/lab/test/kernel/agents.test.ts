/** The agents of a host for node:http and node:https, and the TLS options of its fetch. */
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { createLab } from '../../src/index.ts'
import { pem } from '../memory/certificate.ts'

const REFUSED = {
  family: 6,
  hints: 32,
  lookup: () => {},
  localAddress: '192.0.2.9',
  localPort: 5555,
  socketPath: '/run/server',
  autoSelectFamily: true,
}
const textOf = (what: string, name: string) =>
  `${what}: connections of a host do not have the option ${name}: leave it out`

async function clientAndServer(world: 'kernel' | 'memory') {
  const lab = await createLab({ world })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  return { client, server, [Symbol.asyncDispose]: () => lab.close() }
}

describe.each(['kernel', 'memory'] as const)('in the world %s', world => {
  test('an agent and its requests refuse each option that chooses addresses, with its name', async () => {
    await using lab = await clientAndServer(world)
    const { client, server } = lab
    await server.listen(
      http.createServer((_, response) => response.end('yes')),
      80,
    )
    for (const [name, value] of Object.entries(REFUSED)) {
      const option = { [name]: value } as object
      expect(() => client.agent(option)).toThrow(textOf('agent', name))
      expect(() => client.httpsAgent(option)).toThrow(textOf('httpsAgent', name))
      const plain = { agent: client.agent(), host: 'server', ...option }
      expect(() => http.get(plain)).toThrow(textOf('agent', name))
      const secure = { agent: client.httpsAgent(), host: 'server', ...option }
      expect(() => https.get(secure)).toThrow(textOf('httpsAgent', name))
      const tls = { tls: option }
      await expect(client.fetch('https://server/', tls)).rejects.toThrow(textOf('fetch: tls', name))
    }
    for (const name of ['createConnection', 'signal']) {
      expect(() => client.agent({ [name]: () => {} } as object)).toThrow(textOf('agent', name))
    }
    const unset = { family: 0, hints: 0, lookup: undefined, localAddress: undefined, createConnection: () => {} }
    const [response] = await once(http.get({ agent: client.agent(), host: 'server', ...(unset as object) }), 'response')
    expect(await text(response)).toBe('yes')
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
      const request = http.get({ agent: client.agent({ noDelay } as object), host: 'server' }).on('error', () => {})
      const [socket] = await once(request, 'socket')
      const key = Object.getOwnPropertySymbols(socket).find(each => each.description === 'kSetNoDelay')
      expect(socket[key as symbol]).toBe(noDelay)
    }
  })
})
