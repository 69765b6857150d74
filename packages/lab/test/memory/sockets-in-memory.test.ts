/** Sockets in memory: what a comparison with the loopback interface does not show. */
import dgram, { type Socket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { describe, expect, test } from 'vitest'
import type { TcpConnection } from '../../../inet/src/contract.ts'
import type { StreamServer } from '../../src/model/place.ts'
import { bindUdp, listen, open } from '../../src/world/code.ts'
import { pem } from './certificate.ts'
import { freshWorld } from './fresh-world.ts'
import { HOST } from './socket-worlds.ts'

const { connected, world } = freshWorld()

const HOUR = 3_600_000

const listenIn = (server: StreamServer, port: number, host: string | undefined) =>
  listen(world().boot, server, port, host)

const bindIn = (socket: Socket, port: number, host: string | undefined) =>
  bindUdp(world().boot, socket, port, host)

const connectIn = (host: string, port: number, family: 4 | 6) =>
  open({ code: world().boot }, () => net.connect({ host, port, family }))

test('a paused socket closes its window and the connection keeps the bytes', async () => {
  const { client, served } = await connected()
  served.pause()
  client.write(Buffer.alloc(20 * 2 ** 20))
  await world().time.sleep(1000)
  expect(served.bytesRead).toBeLessThanOrEqual(2 * 65_536)
  expect(served.readableLength).toBe(served.bytesRead)
})

describe('in virtual time', () => {
  const passed = async (event: Promise<unknown>) => {
    const began = world().time.now
    await event
    return Math.round(world().time.now - began)
  }

  test('a time-out of a socket is due after hours, and activity postpones it', async () => {
    const { client, served } = await connected()
    client.setTimeout(2 * HOUR)
    setTimeout(() => client.write('x'), HOUR)
    setTimeout(() => served.write('x'), 2.5 * HOUR)
    client.resume()
    expect(await passed(once(client, 'timeout'))).toBe(4.5 * HOUR)
    expect(client.timeout).toBe(2 * HOUR)
    client.setTimeout(0)
    const late = world().time.sleep(100 * HOUR)
    expect(await Promise.race([once(client, 'timeout'), late])).toBeUndefined()
  })

  test('setTimeout of a socket refuses what Node refuses, and adds its listener once', async () => {
    const { client } = await connected()
    expect(() => client.setTimeout('x' as never)).toThrow('"msecs" argument must be of type number')
    expect(() => client.setTimeout(-1)).toThrow('out of range')
    const due: number[] = []
    client.setTimeout(1000, () => due.push(world().time.now))
    await world().time.sleep(10_000)
    expect(due).toHaveLength(1)
    client.destroy()
    expect(client.setTimeout(1000)).toBe(client)
  })

  test('a time-out that is set again or turned off is not due, nor on a destroyed socket', async () => {
    const server = tls.createServer({ key: pem, cert: pem })
    const secure = tls.connect({
      socket: world().connect(await world().listen(server)),
      ca: pem,
      servername: 'server',
    })
    await once(secure, 'secureConnect')
    const { client } = await connected()
    for (const socket of [client, secure]) {
      const due: number[] = []
      const began = world().time.now
      socket.on('timeout', () => due.push(Math.round(world().time.now - began)))
      socket.setTimeout(1000).setTimeout(5000)
      await world().time.sleep(6000)
      expect(due).toEqual([5000])
      socket.setTimeout(1000).setTimeout(0)
      await world().time.sleep(6000)
      socket.setTimeout(1000)
      socket.destroy()
      await world().time.sleep(6000)
      expect(due).toEqual([5000])
    }
  })

  test('TLS sockets have it, and the handshake of a server', async () => {
    const server = tls.createServer({ key: pem, cert: pem })
    const port = await world().listen(server)
    const client = tls.connect({ socket: world().connect(port), ca: pem, servername: 'server' })
    await once(client, 'secureConnect')
    client.setTimeout(HOUR)
    expect(await passed(once(client, 'timeout'))).toBe(HOUR)
    world().connect(port)
    expect(await passed(once(server, 'tlsClientError'))).toBe(120_000)
  })

  test('HTTP/2 sessions have it, with and without TLS', async () => {
    for (const server of [
      http2.createServer(),
      http2.createSecureServer({ key: pem, cert: pem }),
    ]) {
      const port = await world().listen(server)
      const isSecure = server instanceof tls.Server
      const createConnection = () => {
        const socket = world().connect(port)
        return isSecure
          ? tls.connect({ socket, ca: pem, servername: 'server', ALPNProtocols: ['h2'] })
          : socket
      }
      const session = http2.connect(`${isSecure ? 'https' : 'http'}://server`, { createConnection })
      session.setTimeout(HOUR)
      await once(session, 'connect')
      expect(await passed(once(session, 'timeout'))).toBe(HOUR)
      session.destroy()
    }
  })

  test('an http server closes idle connections, and an agent its free ones', async () => {
    const server = http.createServer((_request, response) => response.end())
    server.keepAliveTimeout = HOUR
    const port = await world().listen(server)
    const agent = new http.Agent({ keepAlive: true, timeout: HOUR / 2 })
    const sockets: net.Socket[] = []
    const createConnection = () => {
      sockets.push(world().connect(port))
      return sockets.at(-1)
    }
    Object.assign(agent, { createConnection })
    const [response] = await once(http.get({ agent }), 'response')
    response.resume()
    expect(await passed(once(sockets[0] as net.Socket, 'close'))).toBe(HOUR / 2)
    const idle = world().connect(port)
    idle.write('GET / HTTP/1.1\r\nHost: server\r\n\r\n')
    idle.resume()
    expect(await passed(once(idle, 'close'))).toBeGreaterThanOrEqual(HOUR)
  })

  test('TLS sockets of the kernel keep the timers of Node', async () => {
    await connected()
    const socket = new tls.TLSSocket(new net.Socket())
    socket.setTimeout(HOUR)
    const symbol = Object.getOwnPropertySymbols(socket).find(each => each.description === 'timeout')
    const timer = (socket as unknown as Record<symbol, object>)[symbol as symbol] as object
    expect(timer).toHaveProperty('_idleStart')
    socket.destroy()
  })
})

test('a server on all addresses shows IPv4 clients as IPv4-mapped addresses, like Node', async () => {
  const server = net.createServer(socket =>
    socket.end(`${socket.remoteFamily} ${socket.remoteAddress}`),
  )
  const port = await listenIn(server, 8080, undefined)
  expect(server.address()).toEqual({ address: '::', family: 'IPv6', port: 8080 })
  expect(await text(connectIn(HOST, port, 4))).toBe('IPv6 ::ffff:127.0.0.1')
  const mapped = connectIn('::ffff:127.0.0.1', port, 6)
  expect(await text(mapped)).toBe('IPv6 ::ffff:127.0.0.1')
  expect(await text(connectIn('::1', port, 6))).toBe('IPv6 ::1')
})

test('listen names a taken port as Node does, and the server may then listen elsewhere', async () => {
  await listenIn(net.createServer(), 8080, undefined)
  const server = net.createServer()
  const taken = {
    message: 'listen EADDRINUSE: address already in use :::8080',
    errno: -98,
    address: '::',
    port: 8080,
  }
  await expect(listenIn(server, 8080, undefined)).rejects.toMatchObject(taken)
  expect(server.listening).toBe(false)
  await listenIn(server, 8081, undefined)
  await expect(listenIn(server, 8082, undefined)).rejects.toThrow(
    'Listen method has been called more than',
  )
  await expect(listenIn(net.createServer(), 80, 'server')).rejects.toThrow(
    "'server' is not an IP address",
  )
  await expect(listenIn(net.createServer(), -1, undefined)).rejects.toThrow(
    'a port is a number from 0 to',
  )
})

test('a server that is not of node:net is refused', async () => {
  const odd = Object.assign(new EventEmitter(), {
    listen: () => {},
    address: () => null,
    close: () => {},
  })
  await expect(listenIn(odd, 80, undefined)).rejects.toThrow('is not that of a node:net server')
})

test('a server that wraps a node:net server listens', async () => {
  const inner = net.createServer(socket => socket.end('inside'))
  const wrapper = Object.assign(new EventEmitter(), {
    listen: (...args: unknown[]) => Reflect.apply(inner.listen, inner, args),
    address: () => inner.address(),
    close: () => inner.close(),
  })
  inner.on('listening', () => wrapper.emit('listening'))
  const port = await listenIn(wrapper, 0, HOST)
  expect(await text(world().connect(port))).toBe('inside')
})

test('options of a server and of sockets reach the connection, with the probes of libuv', async () => {
  const { tcp } = world()
  const calls: unknown[][] = []
  const spy = (end: string, connection: TcpConnection) => {
    for (const name of ['setNoDelay', 'setKeepAlive'] as const) {
      Object.assign(connection, {
        [name]: (...args: unknown[]) => calls.push([end, name, ...args]),
      })
    }
    return connection
  }
  const [connect, listen] = [tcp.connect.bind(tcp), tcp.listen.bind(tcp)]
  tcp.connect = (...args) => spy('client', connect(...args))
  tcp.listen = (local, backlog, accept) =>
    listen(local, backlog, connection => accept(spy('server', connection)))
  const client = new net.Socket()
  // Before it is connected, the options wait.
  client.setNoDelay(true).setKeepAlive(true, 5000)
  const server = net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 7000 })
  const port = await world().listen(server)
  open({ code: world().boot }, () => client.connect(port, HOST))
  await Promise.all([once(client, 'connect'), once(server, 'connection')])
  client.setNoDelay(false)
  client.setKeepAlive(false)
  client.setKeepAlive(true)
  const of = (end: string) => calls.filter(([each]) => each === end).map(([, ...call]) => call)
  expect(of('server')).toEqual([
    ['setNoDelay', true],
    ['setKeepAlive', true, 7e9, 1e9, 10],
  ])
  expect(of('client')).toEqual([
    ['setNoDelay', true],
    ['setKeepAlive', true, 5e9, 1e9, 10],
    ['setNoDelay', false],
    ['setKeepAlive', false],
    ['setKeepAlive', true],
  ])
})

test('a connection that a server has not accepted when it closes is reset', async () => {
  const { tcp } = world()
  const server = net.createServer(() => expect.unreachable())
  const listen = tcp.listen.bind(tcp)
  tcp.listen = (local, backlog, accept) =>
    listen(local, backlog, connection => {
      accept(connection)
      server.close()
    })
  const client = world().connect(await world().listen(server))
  const [error] = await once(client, 'error')
  expect(error.message).toBe('read ECONNRESET')
})

test('a connection without a reply ends with ETIMEDOUT or keep-alive probes', async () => {
  const { client, served } = await connected()
  client.setKeepAlive(true, 60_000)
  // The other end vanishes without a packet.
  world().tcp.receive = () => {}
  client.resume()
  const began = world().time.now
  const [error] = await once(client, 'error')
  expect(error).toMatchObject({
    message: 'read ETIMEDOUT',
    code: 'ETIMEDOUT',
    errno: -110,
    syscall: 'read',
  })
  expect(Math.round(world().time.now - began)).toBe(70_000)
  served.destroy()
})

test('a socket without a route fails as connect(2) does', async () => {
  const socket = connectIn('203.0.113.9', 80, 4)
  const [error] = await once(socket, 'error')
  const message = 'connect ENETUNREACH 203.0.113.9:80 - Local (0.0.0.0:0)'
  expect(error).toMatchObject({ message, code: 'ENETUNREACH', address: '203.0.113.9', port: 80 })
})

test('a destroyed socket may connect again, and by name with a lookup', async () => {
  const server = net.createServer(socket => socket.end('hello'))
  const port = await world().listen(server)
  const socket = new net.Socket()
  for (const host of [HOST, 'server']) {
    const lookup: net.LookupFunction = (name, options, callback) => {
      expect([name, options.all]).toEqual(['server', undefined])
      process.nextTick(callback, null, HOST, 4)
    }
    open({ code: world().boot }, () => socket.connect({ host, port, lookup }))
    const closed = once(socket, 'close')
    expect(await text(socket)).toBe('hello')
    await closed
  }
})

describe('datagrams', () => {
  test('are sent to names that the lookup of a socket finds, of both families', async () => {
    const server = dgram.createSocket('udp6')
    const port = await bindIn(server, 0, undefined)
    expect(server.address()).toEqual({ address: '::', family: 'IPv6', port })
    const received: string[] = []
    server.on('message', (message, { address, family }) => {
      received.push(`${message} ${family} ${address}`)
      server.emit('counted')
    })
    for (const [type, address] of [
      ['udp4', HOST],
      ['udp6', '::1'],
      ['udp6', '::ffff:127.0.0.1'],
    ] as const) {
      const lookup: net.LookupFunction = (name, { family }, callback) => {
        process.nextTick(callback, null, name === 'server' ? address : name, Number(family))
      }
      const socket = dgram.createSocket({ type, lookup: lookup as never })
      await bindIn(socket, 0, undefined)
      socket.send(type, port, 'server')
      await once(server, 'counted')
    }
    expect(received).toEqual([
      'udp4 IPv6 ::ffff:127.0.0.1',
      'udp6 IPv6 ::1',
      'udp6 IPv6 ::ffff:127.0.0.1',
    ])
  })

  test('that are too long, or that no route leads to, fail in the callback', async () => {
    const socket = dgram.createSocket('udp4')
    await bindIn(socket, 0, undefined)
    const failed = (size: number, address: string) =>
      new Promise(resolve => socket.send(Buffer.alloc(size), 9, address, resolve))
    expect(await failed(65_508, HOST)).toMatchObject({
      message: `send EMSGSIZE ${HOST}:9`,
      errno: -90,
      syscall: 'send',
    })
    expect(await failed(1, '203.0.113.9')).toMatchObject({
      message: 'send ENETUNREACH 203.0.113.9:9',
    })
    expect(() => socket.addMembership('224.0.0.251')).toThrow('addMembership ENODEV')
  })

  test('a socket that is bound already is refused, and keeps its port', async () => {
    const socket = dgram.createSocket('udp4')
    const port = await bindIn(socket, 0, undefined)
    await expect(bindIn(socket, 0, undefined)).rejects.toThrow('Socket is already bound')
    expect(socket.address().port).toBe(port)
    socket.close()
    await expect(bindIn(socket, 0, undefined)).rejects.toThrow('Not running')
    const reuse = dgram.createSocket('udp4')
    expect(await bindIn(reuse, port, undefined)).toBe(port)
  })

  test('a bound socket closes its handle of the kernel, and remains without ref', async () => {
    const socket = dgram.createSocket('udp4').unref()
    const key = Object.getOwnPropertySymbols(socket).find(
      ({ description }) => description === 'state symbol',
    )
    const handle = () =>
      (socket as unknown as Record<symbol, { handle: { fd: number; hasRef(): boolean } }>)[
        key as symbol
      ]?.handle
    const kernels = handle()
    await bindIn(socket, 0, undefined)
    expect(handle()?.hasRef()).toBe(false)
    await new Promise(resolve => setImmediate(resolve))
    expect(kernels?.hasRef()).toBeUndefined()
    socket.ref()
    expect(handle()?.hasRef()).toBe(true)
  })

  test('two sockets share a port with reuseAddr', async () => {
    const [one, other] = [1, 2].map(() =>
      dgram.createSocket({ type: 'udp4', reuseAddr: true }),
    ) as [Socket, Socket]
    const port = await bindIn(one, 0, undefined)
    expect(await bindIn(other, port, undefined)).toBe(port)
  })
})
