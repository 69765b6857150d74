/** Crashes of hosts in memory. */
import { once } from 'node:events'
import http from 'node:http'
import net, { type Socket } from 'node:net'
import { setImmediate as immediately, setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { echo, eventsOf, sentByServer, test } from '../support/memory-faults.ts'

test('a crash removes all sockets without a packet, and nothing of the program runs again', async ({
  pair,
  lab,
  client,
  server,
}) => {
  const events: string[] = []
  await server.start(async ({ host }) => {
    await host.listen(
      net.createServer(socket => eventsOf(echo(socket) as Socket, events)),
      80,
    )
    const udp = await host.createSocket('udp4', 5000)
    udp.on('message', () => events.push('datagram')).on('close', () => events.push('close'))
    setInterval(() => events.push('interval'), 1000)
    setTimeout(() => events.push('timeout'), 1500)
    sleep(1500).then(() => events.push('slept'))
  })
  const socket = await client.connect(80, 'server')
  const seen = eventsOf(socket)
  socket.write('before')
  await lab.sleep(1100)
  expect([seen, events]).toEqual([['before'], ['before', 'interval']])
  const before = await sentByServer(pair)
  await server.faults.crash()
  await lab.sleep('1h')
  expect([seen, events]).toEqual([['before'], ['before', 'interval']])
  expect(await sentByServer(pair)).toBe(before)
  // The other end knows nothing. Without the connection, the stack of the host resets it.
  socket.write('after')
  await lab.sleep('1s')
  expect(seen).toEqual(['before', 'read ECONNRESET', 'close'])
  await expect(client.connect(80, 'server')).rejects.toThrow('ECONNREFUSED')
})

test('data that waits to be sent or read at a crash is lost', async ({
  pair,
  lab,
  client,
  server,
}) => {
  const finished: unknown[] = []
  await server.start(async ({ host }) => {
    const flood = net.createServer(socket => {
      socket.write(Buffer.alloc(10_000_000), error => finished.push(error))
      socket.pause()
    })
    await host.listen(flood, 80)
  })
  const socket = await client.connect(80, 'server')
  socket
    .on('error', () => {})
    .pause()
    .write(Buffer.alloc(1000))
  await lab.sleep('5s')
  const before = await sentByServer(pair)
  await server.faults.crash()
  const arrived = once(socket.resume(), 'data')
  await arrived
  await lab.sleep('1h')
  // Updates of the window are segments for no connection: each gets a reset.
  expect((await sentByServer(pair)) - before).toBe(server.stats().TcpOutRsts)
  expect(finished).toEqual([])
})

test('a crash drops packets that wait for a neighbour, and asks for it no more', async ({
  pair,
  lab,
  server,
}) => {
  const socket = await server.createSocket('udp4', 5000)
  const unknown = server.addresses[0]?.replace(/\d+$/, '77')
  const before = await sentByServer(pair)
  socket.send('queued', 6000, unknown)
  await lab.sleep(100)
  expect(await sentByServer(pair)).toBe(before + 1)
  await server.faults.crash()
  await server.restart()
  await lab.sleep('10s')
  expect(await sentByServer(pair)).toBe(before + 1)
  const again = await server.createSocket('udp4', 5000)
  again.send('later', 6000, unknown)
  await lab.sleep('10s')
  expect(await sentByServer(pair)).toBe(before + 4)
})

test('calls of a crashed program have no effect and never end', async ({
  pair,
  lab,
  client,
  server,
}) => {
  const later: (() => unknown)[] = []
  const ended: string[] = []
  await server.start(async ({ host }) => {
    const udp = await host.createSocket('udp4', 5000)
    const listening = net.createServer(socket => {
      later.push(() => socket.write('late', () => ended.push('write')))
      later.push(() => socket.end(() => ended.push('end')))
      later.push(() => socket.destroy().on('close', () => ended.push('destroy')))
    })
    await host.listen(listening, 80)
    const { AsyncResource } = await import('node:async_hooks')
    const add = (name: string, call: () => Promise<unknown> | unknown) => {
      const run = async () => {
        await call()
        ended.push(name)
      }
      later.push(AsyncResource.bind(() => void run()))
    }
    add('send', () => new Promise(done => udp.send('late', 5000, client.addresses[0], done)))
    add('connect', () => host.connect(80, 'client'))
    add('fetch', () => host.fetch('http://client/'))
    add('listen', () => host.listen(net.createServer(), 81))
    add('createSocket', () => host.createSocket('udp4', 5001))
    add('sleep', () => sleep(10))
    add('setTimeout', () => new Promise(done => setTimeout(done, 10)))
    add('setImmediate', () => new Promise(done => setImmediate(done)))
    add('immediately', () => immediately())
    later.push(() => void listening.close())
  })
  await client.listen(
    http.createServer((_, response) => response.end()),
    80,
  )
  await client.connect(80, 'server')
  await lab.sleep('1s')
  expect(later).toHaveLength(13)
  const before = await sentByServer(pair)
  await server.faults.crash()
  for (const call of later) {
    call()
  }
  await lab.sleep('1s')
  await server.restart()
  for (const call of later.slice(0, 9)) {
    call()
  }
  await lab.sleep('10s')
  expect(ended).toEqual([])
  expect(await sentByServer(pair)).toBe(before)
})

test('the listeners of the signal run last, and cannot set timers', async ({
  lab,
  client,
  server,
}) => {
  const events: unknown[] = []
  await server.start(({ host, signal }) => {
    signal.addEventListener('abort', () => {
      events.push(signal.reason.message)
      setTimeout(() => events.push('timer'), 1)
      host.connect(80, 'client').then(() => events.push('connected'))
    })
  })
  await client.listen(net.createServer(), 80)
  await server.faults.crash()
  await lab.sleep('1s')
  expect(events).toEqual(['host server has crashed'])
})

test('a crash of one host leaves the time-outs of requests of others', async ({
  lab,
  client,
  server,
}) => {
  await server.start(async ({ host }) => {
    await host.listen(http.createServer(), 80)
    host.fetch('http://client:81/').catch(() => {})
  })
  await client.listen(http.createServer(), 81)
  await client.listen(http.createServer(), 80)
  await lab.sleep('1s')
  await server.faults.crash()
  const failed = client.fetch('http://client/').catch(error => error.cause.code)
  await lab.sleep('6min')
  expect(await failed).toBe('UND_ERR_HEADERS_TIMEOUT')
})

test('the lab ends while a host is paused, and while another has crashed', async ({
  lab,
  client,
  server,
}) => {
  await server.start(({ host }) => host.listen(http.createServer(), 80))
  await client.start(async ({ host }) => {
    host.fetch('http://server/').catch(() => {})
    await host.connect(80, 'server')
  })
  await lab.sleep('1s')
  await client.faults.pause()
  await server.faults.crash()
  await lab.close()
})
