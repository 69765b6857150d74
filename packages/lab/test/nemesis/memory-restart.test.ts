/** Restarts of hosts in memory. */
import http from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { LabHost } from '../../src/index.ts'
import { get, test } from '../support/memory-faults.ts'

test('a restart runs the program again on the same ports, and values outside of it survive', async ({
  pair,
  server,
}) => {
  const disk: string[] = []
  await server.start(async ({ host }) => {
    const memory: string[] = []
    const store = http.createServer((request, response) => {
      memory.push(request.url as string)
      disk.push(request.url as string)
      response.end(`${memory} of ${disk}`)
    })
    expect(await host.listen(store, 80)).toBe(80)
    await host.createSocket('udp4', 5000)
  })
  expect((await get(pair, '/a')).text).toBe('/a of /a')
  expect((await get(pair, '/b')).text).toBe('/a,/b of /a,/b')
  await server.faults.crash()
  await expect(server.listen(net.createServer())).rejects.toThrow(
    'has crashed: sockets open after a restart',
  )
  await server.restart()
  expect((await get(pair, '/c')).text).toBe('/c of /a,/b,/c')
})

const TLS = {}
const getText = (url: string) =>
  new Promise<string>((resolve, reject) => {
    http.get(url, response => resolve(text(response))).on('error', reject)
  })

test.for([
  ['host.fetch', (client: LabHost) => client.fetch('http://server/').then(reply => reply.text())],
  [
    'host.fetch with tls',
    (client: LabHost) => client.fetch('http://server/', { tls: TLS }).then(reply => reply.text()),
  ],
  [
    'fetch',
    (client: LabHost) => client.run(() => fetch('http://server/').then(reply => reply.text())),
  ],
  ['http', (client: LabHost) => client.run(() => getText('http://server/'))],
] as const)(
  'a crashed client of %s connects again after its restart',
  async ([, ask], { lab, client, server }) => {
    const ports = new Set<number>()
    await server.listen(
      http.createServer(({ socket }, response) => {
        ports.add(socket.remotePort as number)
        response.end('hello')
      }),
      80,
    )
    const fetched = async () => ask(client)
    await fetched()
    // The client keeps the connection after the event that ends the response.
    await lab.sleep(1)
    await fetched()
    expect(ports.size).toBe(1)
    await client.faults.crash()
    await expect(fetched()).rejects.toThrow()
    await client.restart()
    expect(await fetched()).toBe('hello')
    expect(ports.size).toBe(2)
    // Without a request while it is off, which would fail and so end the connection.
    await lab.sleep(1)
    await client.faults.crash()
    await client.restart()
    expect(await fetched()).toBe('hello')
    expect(ports.size).toBe(3)
  },
)

test('a program that a crash cuts short has started when it has after the restart', async ({
  lab,
  server,
}) => {
  const runs: AbortSignal[] = []
  const started = server.start(async ({ signal }) => {
    runs.push(signal)
    await sleep(1000)
  })
  await lab.sleep(500)
  await server.faults.crash()
  // A restart that a crash cuts short has ended.
  const restarted = server.restart()
  await lab.sleep(500)
  await server.faults.crash()
  await restarted
  await server.restart()
  await started
  expect(runs.map(({ aborted }) => aborted)).toEqual([true, true, false])
  expect(lab.now).toBe(2000)
})

test('a program that fails rejects its start, and a restart in which it fails', async ({
  server,
}) => {
  let fails = true
  const program = () => {
    if (fails) throw new Error('no luck')
  }
  await expect(server.start(program)).rejects.toThrow('no luck')
  fails = false
  await server.faults.crash()
  await server.restart()
  fails = true
  await server.faults.crash()
  await expect(server.restart()).rejects.toThrow('no luck')
})
