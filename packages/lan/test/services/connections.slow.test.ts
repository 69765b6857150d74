/** The limits of TCP connections to hosts, on real sockets. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { http, TCP_SERVICES, type TcpHandler } from '../../src/services/tcp-handlers.ts'
import { Connections } from '../../src/services/tcp-services.ts'

const HOST = { index: 0, name: 'web', mac: new Uint8Array(6), ip: [], ip6: [], router: false }
const LIMITS = { all: 100, ofHost: 100, ofClient: 100, idle: 60_000 }

let server: Server
let sockets: Socket[]
let handler: TcpHandler
let connections: Connections
/** The addresses of the next connection. */
let [host, client] = ['198.18.0.2', '198.18.0.50']

beforeEach(async () => {
  sockets = []
  handler = socket => TCP_SERVICES.echo(socket)
  connections = new Connections(LIMITS)
  host = '198.18.0.2'
  client = '198.18.0.50'
  server = createServer({ allowHalfOpen: true }, socket => {
    if (connections.admit(socket, host, client)) {
      handler(socket, HOST)
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
})

afterEach(async () => {
  for (const socket of sockets) {
    socket.destroy()
  }
  connections.destroyAll()
  await new Promise(resolve => server.close(resolve))
})

async function open(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  sockets.push(socket)
  await once(socket, 'connect')
  return socket
}

/** Sends `text` on a new connection; returns all that comes back until the connection ends. */
async function ask(text: string): Promise<string> {
  const socket = await open()
  let got = ''
  socket.setEncoding('utf8').on('data', more => {
    got += more
  })
  socket.end(text)
  await closedOne(socket)
  return got
}

/** Resolves when the socket is closed, by a reset too. */
const closedOne = (socket: Socket) =>
  new Promise<void>(resolve =>
    socket.closed ? resolve() : socket.resume().on('close', () => resolve()),
  )
const closed = (all: readonly Socket[]) => Promise.all(all.map(closedOne))

describe('connections', () => {
  test('connections are closed after the idle time, while others are served', async () => {
    connections = new Connections({ ...LIMITS, idle: 1000 })
    const silent = await Promise.all(Array.from({ length: 90 }, open))
    expect(await ask('hello')).toBe('hello')
    await closed(silent)
    await expect.poll(() => connections.size).toBe(0)
  })

  test.each([
    ['all hosts', { all: 3 }],
    ['one host', { ofHost: 3 }],
    ['one client', { ofClient: 3 }],
  ])('connections to or from %s are limited, and one that ends makes room', async (_, limits) => {
    connections = new Connections({ ...LIMITS, ...limits })
    const [first] = await Promise.all(Array.from({ length: 3 }, open))
    expect(await ask('too many')).toBe('')
    first?.end()
    await closed([first as Socket])
    expect(await ask('hello')).toBe('hello')
  })

  test('connections of one client do not use up other clients’ connections', async () => {
    connections = new Connections({ ...LIMITS, ofClient: 1, ofHost: 2 })
    await open()
    await expect.poll(() => connections.size).toBe(1)
    expect(await ask('x')).toBe('')
    client = '198.18.0.51'
    expect(await ask('x')).toBe('x')
  })
})

describe('HTTP', () => {
  const request = 'GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n'

  test('HTTP closes connections with incomplete headers, even if bytes trickle in, while others are served', async () => {
    handler = http('hello', 1000)
    const half = await Promise.all(Array.from({ length: 90 }, open))
    for (const socket of half) {
      socket.write('GET / HTTP/1.1\r\nX: ')
    }
    const drip = setInterval(() => half[0]?.write('x'), 20)
    expect(await ask(request)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*hello$/)
    await closed(half)
    clearInterval(drip)
    await expect.poll(() => connections.size).toBe(0)
  })

  test('HTTP limits the headers of the second request of a connection likewise', async () => {
    handler = http('hello', 1000)
    const socket = await open()
    let got = ''
    socket.setEncoding('utf8').on('data', more => {
      got += more
    })
    socket.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n')
    await expect.poll(() => got).toContain('hello')
    socket.write('GET / HTTP/1.1\r\nX: ')
    await closedOne(socket)
  })

  test('HTTP does not limit the time for the body of a request', async () => {
    handler = http('hello', 500)
    const socket = await open()
    socket.write('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 61\r\n\r\n')
    for (let n = 0; n < 60; n++) {
      await new Promise(resolve => setTimeout(resolve, 10))
      socket.write('x')
    }
    expect(socket.destroyed).toBe(false)
  })
})
