/** Connections that a router passes on. */
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { proxyServer } from '../src/world/tcp-proxy.ts'

let server: net.Server
let proxy: net.Server
let port = 0

const portOf = (listening: net.Server) => (listening.address() as AddressInfo).port

/** Starts the server, and a proxy that leads to it. */
beforeEach(async () => {
  server = net.createServer({ allowHalfOpen: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  port = portOf(server)
  proxy = proxyServer(() => net.connect(port, '127.0.0.1'))
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
})
afterEach(() => {
  server.close()
  proxy.close()
})

/** Connects through the proxy. Returns both ends. */
async function connected(): Promise<readonly [client: Socket, end: Socket]> {
  const accepted = once(server, 'connection')
  const client = net.connect({ port: portOf(proxy), host: '127.0.0.1', allowHalfOpen: true })
  const [end] = (await accepted) as [Socket]
  return [client, end]
}

/** Reads to the end. An iterator would also close the other direction. */
async function read(socket: Socket): Promise<string> {
  let read = ''
  socket.setEncoding('utf8').on('data', chunk => {
    read += chunk
  })
  await once(socket, 'end')
  return read
}

test('bytes pass in both directions, and each direction ends by itself', async () => {
  const [client, end] = await connected()
  client.end('question')
  expect(await read(end)).toBe('question')
  end.end('answer after the end of the question')
  expect(await read(client)).toBe('answer after the end of the question')
})

test('a client may send after the server has ended its direction', async () => {
  const [client, end] = await connected()
  end.end('greeting')
  expect(await read(client)).toBe('greeting')
  client.end('late question')
  expect(await read(end)).toBe('late question')
})

test('a reset of the server resets the client', async () => {
  const [client, end] = await connected()
  const failed = once(client, 'error')
  end.resetAndDestroy()
  expect(await failed).toMatchObject([{ code: 'ECONNRESET' }])
})

test('a reset of the client resets the server', async () => {
  const [client, end] = await connected()
  const failed = once(end, 'error')
  client.resetAndDestroy()
  expect(await failed).toMatchObject([{ code: 'ECONNRESET' }])
})

test('a server that cannot be reached resets the client', async () => {
  server.close()
  const client = net.connect(portOf(proxy), '127.0.0.1')
  expect(await once(client, 'error')).toMatchObject([{ code: 'ECONNRESET' }])
})

test('a client is reset if the router cannot connect', async () => {
  const refusing = proxyServer(() => {
    throw new Error('the host has no link')
  })
  await once(refusing.listen(0, '127.0.0.1'), 'listening')
  try {
    const client = net.connect(portOf(refusing), '127.0.0.1')
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
  } finally {
    refusing.close()
  }
})
