/** Paused hosts in memory. */
import net from 'node:net'
import { setImmediate as immediately, setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { echo, eventsOf, sentByServer, test } from '../support/memory-faults.ts'

test('a pause holds timers, datagrams and connections until it ends, in their order', async ({
  lab,
  client,
  server,
}) => {
  const events: string[] = []
  await server.start(async ({ host }) => {
    const note = (what: string) => events.push(`${what} ${lab.now}`)
    const socket = await host.createSocket('udp4', 5000)
    socket.on('message', data => note(`datagram ${data}`))
    await host.listen(
      net.createServer(() => note('connection')),
      80,
    )
    setTimeout(() => note('timeout'), 2000)
    setInterval(() => note('interval'), 4000)
    sleep(5000).then(() => note('sleep'))
    AbortSignal.timeout(6000).onabort = () => note('signal')
  })
  const socket = await client.createSocket('udp4')
  await server.faults.pause()
  await lab.sleep('1s')
  socket.send('one', 5000, 'server')
  await lab.sleep(2500)
  const connection = await client.connect(80, 'server')
  await lab.sleep(3000)
  socket.send('two', 5000, 'server')
  await lab.sleep('4s')
  expect(events).toEqual([])
  server.faults.resume()
  const at = lab.now
  await lab.sleep(1)
  const inOrder = [
    'datagram one',
    'timeout',
    'connection',
    'interval',
    'sleep',
    'signal',
    'datagram two',
  ]
  expect(events).toEqual(inOrder.map(what => `${what} ${at}`))
  events.length = 0
  await lab.sleep('5s')
  expect(events).toEqual([`interval ${at + 4000}`])
  connection.destroy()
})

test('the network stack of a paused host acknowledges, and its program reads all afterwards', async ({
  pair,
  lab,
  client,
  server,
}) => {
  await server.start(({ host }) => host.listen(net.createServer(echo), 80))
  const socket = await client.connect(80, 'server')
  const events = eventsOf(socket)
  await server.faults.pause()
  const before = await sentByServer(pair)
  for (const line of ['a', 'b', 'c']) {
    socket.write(line)
    await lab.sleep('3s')
  }
  expect(client.stats().TcpRetransSegs).toBe(0)
  expect(await sentByServer(pair)).toBe(before + 3)
  expect(events).toEqual([])
  server.faults.resume()
  await lab.sleep('1s')
  expect(events.join('')).toBe('abc')
})

test('a pause holds events of sockets that code outside of a program has made', async ({
  lab,
  client,
  server,
}) => {
  await server.listen(net.createServer(echo), 80)
  const socket = await client.connect(80, 'server')
  const events = eventsOf(socket)
  await client.faults.pause()
  socket.write('held')
  let rang = false
  setTimeout(() => {
    rang = true
  }, 1000)
  await lab.sleep('10s')
  expect([events, rang]).toEqual([[], true])
  client.faults.resume()
  await lab.sleep('1ms')
  expect(events).toEqual(['held'])
})

test('timers that a paused host has cancelled or refreshed do not ring at its end', async ({
  lab,
  server,
}) => {
  const rings: string[] = []
  const timers: NodeJS.Timeout[] = []
  await server.start(() => {
    for (const name of ['rings', 'cancelled', 'refreshed']) {
      timers.push(setTimeout(() => rings.push(name), 1000))
    }
  })
  await server.faults.pause()
  await lab.sleep('5s')
  clearTimeout(timers[1])
  timers[2]?.refresh()
  server.faults.resume()
  await lab.sleep(999)
  expect(rings).toEqual(['rings'])
  await lab.sleep(2)
  expect(rings).toEqual(['rings', 'refreshed'])
})

test('a second pause before all held events were delivered holds the rest', async ({
  lab,
  server,
}) => {
  const rings: number[] = []
  await server.start(() => {
    for (let i = 0; i < 3; i++) {
      setTimeout(() => rings.push(i), 1000)
    }
    setTimeout(() => server.faults.pause(), 999)
  })
  await lab.sleep('2s')
  expect(rings).toEqual([])
  server.faults.resume()
  server.faults.pause()
  server.faults.resume()
  server.faults.pause()
  await lab.sleep('2s')
  expect(rings).toEqual([])
  server.faults.resume()
  await lab.sleep('1ms')
  expect(rings).toEqual([0, 1, 2])
})

test('immediates of a paused host run when the pause ends, and not after a crash', async ({
  lab,
  server,
}) => {
  const ran: string[] = []
  await server.start(() => {
    for (const at of [1000, 5000]) {
      setTimeout(() => {
        server.faults.pause()
        setImmediate(() => ran.push(`callback of ${at}`))
        void immediately().then(() => ran.push(`promise of ${at}`))
      }, at)
    }
  })
  await lab.sleep('3s')
  expect(ran).toEqual([])
  server.faults.resume()
  await lab.sleep('1s')
  expect(ran).toEqual(['callback of 1000', 'promise of 1000'])
  await lab.sleep('3s')
  await server.faults.crash()
  await lab.sleep('1s')
  expect(ran).toHaveLength(2)
})

test('a lab that ends in a pause runs no more code of the host', async ({
  lab,
  client,
  server,
}) => {
  const rings: string[] = []
  await server.start(({ host }) => {
    setInterval(() => rings.push('interval'), 1000)
    return host.listen(
      net.createServer(() => rings.push('connection')),
      80,
    )
  })
  await server.faults.pause()
  await client.connect(80, 'server')
  await lab.sleep('5s')
  await lab.close()
  expect(rings).toEqual([])
})

test('a time-out of a socket is held in a pause and lost in a crash', async ({
  lab,
  client,
  server,
}) => {
  await server.listen(net.createServer(echo), 80)
  const socket = await client.connect(80, 'server')
  const events = eventsOf(socket.setTimeout(1000))
  await client.faults.pause()
  await lab.sleep('2s')
  expect(events).toEqual([])
  client.faults.resume()
  expect(events).toEqual([])
  await lab.sleep(1)
  expect(events).toEqual(['timeout'])
  socket.write('again')
  await lab.sleep(100)
  await client.faults.crash()
  await lab.sleep('1h')
  expect(events).toEqual(['timeout', 'again'])
})

test('timers that a callback of a socket sets belong to the host of the socket', async ({
  lab,
  client,
  server,
}) => {
  const rings: string[] = []
  const { faults } = server
  await server.listen(
    net.createServer(() => setTimeout(() => rings.push('timeout'), 1000)),
    80,
  )
  await client.connect(80, 'server')
  await lab.sleep(500)
  await faults.pause()
  await lab.sleep('2s')
  expect(rings).toEqual([])
  faults.resume()
  await lab.sleep(1)
  expect(rings).toEqual(['timeout'])
})
