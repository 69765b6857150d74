// Bugs that a test shows only in virtual time: each takes minutes or hours, and here milliseconds.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { test as base } from '@vnet/lab/vitest'
import { expect } from 'vitest'

const test = base.extend({ world: 'memory' })
const MINUTE = 60_000

/** Repeats `ask` until it succeeds; `pause` returns the milliseconds before the next attempt. */
async function retrying(ask, pause) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch {
      await wait(pause(attempt))
    }
  }
}

test('a server that returns after 30 minutes is not stormed by its clients', async ({ lab }) => {
  const [server, ...clients] = lab.hosts('server', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8')
  const links = await Promise.all(
    clients.map(client => lab.cable(client, server, { wire: 'delay 10ms' })),
  )
  const arrivals = []
  const answer = (_, response) => {
    arrivals.push(Math.floor(lab.now / 1000))
    response.end('welcome back')
  }
  await server.listen(http.createServer(answer), 80)
  for (const link of links) {
    await link.down()
  }
  // Without the random part, all clients would return in the same second.
  const random = clients.map((_, i) => ((i * 37) % 8) / 8)
  const answers = clients.map((client, i) => {
    const ask = () => client.fetch('http://server/', { signal: AbortSignal.timeout(5000) })
    return retrying(ask, attempt => Math.min(2 ** attempt * 1000, 5 * MINUTE) * (0.5 + random[i]))
  })
  await lab.sleep('30min')
  for (const link of links) {
    await link.up()
  }
  await Promise.all(answers)
  const most = Math.max(
    ...arrivals.map(second => arrivals.filter(other => other === second).length),
  )
  expect(most).toBeLessThan(3)
})

test('a token that expires in the middle of a download is renewed', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'rate 100kbit delay 20ms' })
  const parts = 40
  const origin = http.createServer((request, response) => {
    if (request.url === '/token') {
      response.end(String(lab.now + 15 * MINUTE))
    } else if (Number(request.headers.authorization) < lab.now) {
      response.writeHead(401).end()
    } else {
      response.end(Buffer.alloc(500_000))
    }
  })
  await server.listen(origin, 80)
  const renew = async () => (await client.fetch('http://server/token')).text()
  let token = await renew()
  let renewals = 0
  for (let part = 0; part < parts; part++) {
    const get = () => client.fetch(`http://server/${part}`, { headers: { authorization: token } })
    let response = await get()
    if (response.status === 401) {
      renewals++
      token = await renew()
      response = await get()
    }
    expect((await response.arrayBuffer()).byteLength).toBe(500_000)
  }
  // 20 MB at 100 kbit/s.
  expect(lab.now).toBeGreaterThan(26 * MINUTE)
  expect(renewals).toBe(1)
})

test('a keepalive must be shorter than the timeout of a NAT', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.router('gate', {
    inside: [client],
    outside: server,
    nat: 'symmetric',
    tcpTimeout: '10min',
  })
  const silent = async keepAlive => {
    const connected = once(listening, 'connection')
    const socket = await client.connect(7, 'server')
    if (keepAlive !== undefined) {
      socket.setKeepAlive(true, keepAlive)
    }
    const [accepted] = await connected
    accepted.on('error', () => {})
    await lab.sleep('1h')
    // The server speaks first, after an hour.
    accepted.write('news')
    return Promise.race([
      once(socket, 'data').then(String),
      lab.sleep('1min').then(() => 'nothing'),
    ])
  }
  const listening = net.createServer()
  await server.listen(listening, 7)
  expect(await silent(undefined)).toBe('nothing')
  expect(await silent(5 * MINUTE)).toBe('news')
})
