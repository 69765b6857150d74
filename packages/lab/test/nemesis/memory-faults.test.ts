/** Forgotten connections and wrong clocks of hosts in memory, and runs with faults. */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net, { type Socket } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { expect } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { createLab } from '../../src/index.ts'
import { eventsOf, get, makePair, sentByServer, test } from '../support/memory-faults.ts'

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket) {
  return [
    { address: localAddress as string, port: localPort as number },
    { address: remoteAddress as string, port: remotePort as number },
  ] as const
}

test('forget ends a connection with ECONNABORTED, and the other end gets a reset later', async ({
  pair,
  lab,
  client,
  server,
}) => {
  const accepted: Socket[] = []
  await server.listen(
    net.createServer(socket => accepted.push(socket)),
    80,
  )
  const socket = await client.connect(80, 'server')
  const seen = eventsOf(socket)
  await lab.sleep('1s')
  const [own] = accepted as [Socket]
  const events = eventsOf(own)
  const before = await sentByServer(pair)
  const [local, remote] = endsOf(socket)
  const plain = ({ address, port }: { address: string; port: number }) => ({
    address: address.replace('::ffff:', ''),
    port,
  })
  await server.faults.forget(plain(remote), plain(local))
  await lab.sleep('1h')
  expect(events).toEqual(['read ECONNABORTED', 'close'])
  expect([seen, await sentByServer(pair)]).toEqual([[], before])
  socket.write('more')
  await lab.sleep('1s')
  expect(seen).toEqual(['read ECONNRESET', 'close'])
  // A connection that has ended can be forgotten, too.
  await server.faults.forget(plain(remote), plain(local))
})

test('the wall clock of a host is ahead, and its other clocks and timers are not', async ({
  pair,
  lab,
  server,
}) => {
  const looks: { date: number; now: number; performance: number; hrtime: bigint; iso: string }[] =
    []
  const look = () =>
    looks.push({
      date: Date.parse(new Date().toISOString()),
      now: Date.now(),
      performance: performance.now(),
      hrtime: process.hrtime.bigint(),
      iso: Date().slice(0, 15),
    })
  await server.start(({ host }) => {
    setInterval(look, 1000)
    return host.listen(
      http.createServer((_, response) => response.end(String(Date.now()))),
      80,
    )
  })
  server.faults.setClock(3600e9)
  const began = {
    date: Date.now(),
    performance: performance.now(),
    hrtime: process.hrtime.bigint(),
  }
  await lab.sleep(1500)
  const [seen] = looks
  expect(looks).toHaveLength(1)
  const passed = (seen?.performance as number) - began.performance
  expect(passed).toBeLessThanOrEqual(1000)
  expect(Number((seen?.hrtime as bigint) - began.hrtime) / 1e6).toBe(passed)
  expect(seen?.now).toBe(began.date + Math.floor(passed) + 3600_000)
  expect(seen?.date).toBe(seen?.now)
  expect(seen?.iso).toBe(new Date(seen?.now as number).toString().slice(0, 15))
  const shown = async () => {
    const response = await get(pair)
    return [response.date, Number(response.text)].map(date =>
      Math.round((date - Date.now()) / 60_000),
    )
  }
  expect(await shown()).toEqual([60, 60])
  // Programs that start later have this clock, too.
  await server.faults.crash()
  await server.restart()
  expect(await shown()).toEqual([60, 60])
  server.faults.setClock(0)
  expect(await shown()).toEqual([-0, -0])
})

test('a full disk is refused', ({ server }) => {
  expect(() => server.faults.setFull(true)).toThrow(
    'write to the disk of this machine: explore in the kernel',
  )
  server.faults.setFull(false)
})

/** Runs a client that repeats requests while the server has faults. Returns the packets. */
async function packetsOfRun(): Promise<Buffer> {
  const { lab, client, server, link } = await makePair(await createLab({ world: 'memory' }))
  const path = join(testDirectory(), 'packets.pcap')
  try {
    await link.capture(path)
    await server.start(async ({ host }) => {
      let requests = 0
      await host.listen(
        http.createServer((_, response) => setTimeout(() => response.end(String(++requests)), 20)),
        80,
      )
    })
    await client.start(({ host }) => {
      setInterval(() => host.fetch('http://server/').catch(() => {}), 500)
    })
    for (const fault of ['pause', 'crash'] as const) {
      await lab.sleep(1010)
      await server.faults[fault]()
      await lab.sleep(1700)
      server.faults.resume()
      await server.restart()
    }
    await lab.sleep(2000)
  } finally {
    await lab.close()
  }
  return readFileSync(path)
}

test('two runs with the same faults have the same packets at the same times', async ({ lab }) => {
  // Labs that overlap have one clock.
  await lab.close()
  const first = await packetsOfRun()
  expect(first.length).toBeGreaterThan(5000)
  expect(first.equals(await packetsOfRun())).toBe(true)
})
