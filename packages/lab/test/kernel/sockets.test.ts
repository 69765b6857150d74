/** Servers, sockets, requests and worker threads of the namespaces of a lab. */
import { execFileSync } from 'node:child_process'
import dgram from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

beforeEach(async () => void (await lab.cable(client, server)))

const openssl =
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -days 2'
const pem = execFileSync(
  'openssl',
  [...openssl.split(' '), '-addext', 'subjectAltName=DNS:server', '-keyout', '-'],
  {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  },
)
afterAll(() => expect(pem).toContain('BEGIN CERTIFICATE'))

/** Answers with the address that it sees, and the path. */
const answer: http.RequestListener = ({ socket, url }, response) => {
  response.end(`${socket.remoteAddress?.replace('::ffff:', '')} ${url}`)
}

test('fetch reaches an HTTP server of this process by name, IPv4 and IPv6, from the other address', async () => {
  await server.listen(http.createServer(answer), 8080)
  const [v4, v6] = server.addresses
  const [clientV4, clientV6] = client.addresses
  for (const [host, from] of [
    ['server', clientV4],
    [v4, clientV4],
    [`[${v6}]`, clientV6],
  ]) {
    const response = await client.fetch(`http://${host}:8080/a?b`)
    expect([response.status, await response.text()]).toEqual([200, `${from} /a?b`])
  }
})

test('listen takes a free port and returns it, and a host limits it to one address', async () => {
  const [v4] = server.addresses
  const port = await server.listen(http.createServer(answer), 0, v4)
  expect(port).toBeGreaterThan(1023)
  expect(await (await client.fetch(`http://server:${port}/`)).text()).toMatch(/^198/)
  await expect(server.fetch(`http://[::1]:${port}/`)).rejects.toThrow('fetch failed')
})

test('a port that is taken, or no port, is an error', async () => {
  await server.listen(net.createServer(), 7)
  await expect(server.listen(net.createServer(), 7)).rejects.toThrow('EADDRINUSE')
  for (const port of [70_000, -1, '80' as unknown as number]) {
    await expect(server.listen(net.createServer(), port)).rejects.toThrow(
      'a port is a number from 0 to 65535',
    )
  }
  await expect(server.listen(net.createServer(), 80, 'server')).rejects.toThrow(
    "'server' is not an IP address",
  )
})

test('listen refuses anything that is not a server, such as swapped arguments', async () => {
  for (const wrong of [80, undefined, answer]) {
    await expect(server.listen(wrong as unknown as net.Server, 80)).rejects.toThrow(
      /^listen\(server, port\): .* is not a server, such as http.createServer\(\)$/,
    )
  }
  // The port is still free.
  await server.listen(net.createServer(), 80)
})

test('listen rejects for a server that listens already, and does not report its later errors', async () => {
  const twice = net.createServer()
  await server.listen(twice, 80)
  await expect(server.listen(twice, 81)).rejects.toThrow(
    'Listen method has been called more than once',
  )
  twice.on('error', () => {})
  twice.emit('error', new Error('of another cause'))
  await server.listen(net.createServer(), 81)
})

test('fetch sends a FormData of Node as a form', async () => {
  await server.listen(
    http.createServer(async (request, response) => response.end(await text(request))),
    80,
  )
  const body = new FormData()
  body.set('word', 'hello')
  body.set('file', new File(['content'], 'name.txt'))
  const sent = await (await client.fetch('http://server/', { method: 'POST', body })).text()
  expect(sent).toMatch(/name="word"\s+hello\s.*filename="name.txt".*content/s)
})

test('a connection works in both directions when connect returns, and connect fails without a listener', async () => {
  const echo = net.createServer(socket => socket.pipe(socket))
  await server.listen(echo, 7)
  const socket = await client.connect(7, 'server')
  expect(socket.remoteAddress).toBe(server.addresses[0])
  socket.end('hello')
  expect(await text(socket)).toBe('hello')
  const refused = /^Error: connect ECONNREFUSED .*sockets\.test/s
  await expect(client.connect(8, 'server')).rejects.toMatchObject({
    stack: expect.stringMatching(refused),
  })
  await expect(client.connect(7, 'nobody')).rejects.toThrow('it has client, server')
})

test('the namespaces are apart: a port of one is free in the other, and localhost is their own', async () => {
  for (const namespace of [client, server]) {
    await namespace.listen(
      net.createServer(socket => socket.end(namespace.name)),
      7,
    )
    expect(await text(await namespace.connect(7, 'localhost'))).toBe(namespace.name)
    expect(await text(await namespace.connect(7, namespace.name))).toBe(namespace.name)
  }
  expect(await text(await client.connect(7, 'server'))).toBe('server')
})

test('TLS: fetch takes options of tls.connect, and node:https an agent', async () => {
  await server.listen(https.createServer({ key: pem, cert: pem }, answer), 443)
  await expect(client.fetch('https://server/')).rejects.toThrow('fetch failed')
  const response = await client.fetch('https://server/x', { tls: { ca: pem } })
  expect(await response.text()).toBe(`${client.addresses[0]} /x`)
  const [reply] = await once(
    https.get('https://server/y', { agent: client.httpsAgent(), ca: pem }),
    'response',
  )
  expect(await text(reply)).toBe(`${client.addresses[0]} /y`)
})

test('an agent makes requests of node:http start in the namespace', async () => {
  await server.listen(http.createServer(answer), 80)
  const agent = client.agent({ keepAlive: true })
  const [reply] = await once(http.get('http://server/x', { agent }), 'response')
  expect(await text(reply)).toBe(`${client.addresses[0]} /x`)
  agent.destroy()
})

test('createConnection serves http2.connect', async () => {
  const server2 = http2.createServer((request, response) => response.end(request.url))
  await server.listen(server2, 80)
  const session = http2.connect('http://server', {
    createConnection: () => client.createConnection(80, 'server'),
  })
  expect(await text(session.request({ ':path': '/two' }))).toBe('/two')
})

test('UDP: sockets send by name and by address, of IPv4 and IPv6', async () => {
  for (const type of ['udp4', 'udp6'] as const) {
    const echo = await server.createSocket(type)
    const { port } = echo.address()
    echo.on('message', (message, from) => echo.send(message, from.port, from.address))
    const socket = await client.createSocket(type)
    for (const host of ['server', server.addresses[type === 'udp4' ? 0 : 1]]) {
      const got = once(socket, 'message')
      socket.send(`to ${host}`, port, host)
      const [message, { address }] = await got
      expect([String(message), address]).toEqual([
        `to ${host}`,
        server.addresses[type === 'udp4' ? 0 : 1],
      ])
    }
  }
})

test('listen binds a UDP socket that a program has made', async () => {
  const bound = dgram.createSocket('udp4')
  const port = await server.listen(bound)
  const got = once(bound, 'message')
  const socket = await client.createSocket('udp4')
  socket.send('hello', port, 'server')
  const [message, { address }] = await got
  expect([String(message), address]).toEqual(['hello', client.addresses[0]])
})

test('a UDP port is shared only by sockets that all have reuseAddr, whether the lab has made them or not', async () => {
  for (const type of ['udp4', 'udp6'] as const) {
    const { port } = (await server.createSocket(type)).address()
    const shared = { type, reuseAddr: true }
    await expect(server.createSocket(shared, port)).rejects.toThrow('EADDRINUSE')
    await expect(server.listen(dgram.createSocket(shared), port)).rejects.toThrow('EADDRINUSE')
    const first = await server.createSocket(shared)
    await server.createSocket(shared, first.address().port)
    await server.listen(dgram.createSocket(shared), first.address().port)
    await expect(server.createSocket(type, first.address().port)).rejects.toThrow('EADDRINUSE')
  }
})

test('ipv6Only of a socket that a program has made leaves the port to IPv4', async () => {
  const port = await server.listen(dgram.createSocket({ type: 'udp6', ipv6Only: true }))
  await server.createSocket('udp4', port)
})

test('a name that UDP does not know is an error of send', async () => {
  const socket = await client.createSocket('udp4')
  const failed = await new Promise(resolve => socket.send('x', 1, 'nobody', resolve))
  expect(String(failed)).toContain('it has client, server')
})

const file = new URL('../support/lab-worker.mjs', import.meta.url)

test('worker: a file that knows nothing of labs makes requests in the namespace, by name', async () => {
  await server.listen(http.createServer(answer), 80)
  const worker = client.worker(file, { workerData: { url: 'http://server/w' } })
  expect(await once(worker, 'message')).toEqual([`${client.addresses[0]} /w`])
})

test('worker: UDP sockets are of the namespace, too', async () => {
  const echo = await server.createSocket('udp4', 5353)
  echo.on('message', (message, { port, address }) =>
    echo.send(`${message}, ${address}`, port, address),
  )
  const worker = client.worker(file, { workerData: { udp: { host: 'server', port: 5353 } } })
  expect(await once(worker, 'message')).toEqual([`from the worker, ${client.addresses[0]}`])
})

test('worker: promises of names lead to namespaces, and to other hosts as ever', async () => {
  const worker = client.worker(file, { workerData: { names: ['server', 'localhost'] } })
  const of = (address: string) => [
    { address, family: 4 },
    { address, family: 4 },
  ]
  expect(await once(worker, 'message')).toEqual([[of(server.addresses[0]!), of('127.0.0.1')]])
})

test('stats has the counters of the namespace alone', async () => {
  const { UdpOutDatagrams: before } = client.stats()
  const { UdpOutDatagrams: others } = server.stats()
  const socket = await client.createSocket('udp4')
  for (let i = 0; i < 3; i++) {
    await new Promise(resolve => socket.send('x', 9, 'server', resolve))
  }
  const { UdpOutDatagrams, Ip6InReceives, TcpRetransSegs } = client.stats()
  expect([UdpOutDatagrams! - before!, Ip6InReceives, TcpRetransSegs]).toEqual([
    3,
    expect.any(Number),
    0,
  ])
  expect(server.stats().UdpOutDatagrams).toBe(others)
})

/** A server that wraps a node:net server, like ssh2's, and does not show its sockets. */
class Wrapping extends EventEmitter {
  readonly #inner = net
    .createServer(() => this.emit('connection', new EventEmitter()))
    .on('listening', () => this.emit('listening'))
    .on('close', () => this.emit('close'))

  listen(options: { readonly port: number }): void {
    this.#inner.listen(options)
  }

  address(): unknown {
    return this.#inner.address()
  }

  close(): void {
    this.#inner.close()
  }
}

test('the end of a lab closes connections of a server that hides them', async () => {
  const wrapping = new Wrapping()
  await server.listen(wrapping, 80)
  const accepted = once(wrapping, 'connection')
  await client.connect(80, 'server')
  await accepted
  const closed = once(wrapping, 'close')
  await lab.close()
  await closed
})
