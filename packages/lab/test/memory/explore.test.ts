/** explore in memory: every packet, every fault, in virtual time. */
import http from 'node:http'
import net from 'node:net'
import { expect, test } from 'vitest'
import { explore } from '../../src/explore/index.ts'
import type { ScenarioRun } from '../../src/explore/scenario.ts'

async function post({ lab, signal }: ScenarioRun): Promise<void> {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 20ms' })
  await server.listen(
    http.createServer((request, response) => request.pipe(response)),
    80,
  )
  const body = Buffer.alloc(5000, 'x')
  const response = await client.fetch('http://server/', { method: 'POST', body, signal })
  expect((await response.arrayBuffer()).byteLength).toBe(5000)
}

/** Closes the connection after one reply, and does not wait for the rest of the client's bytes. */
async function impatient({ lab, signal }: ScenarioRun): Promise<void> {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 20ms' })
  await server.listen(
    net.createServer(socket => socket.once('data', data => socket.end(data))),
    7,
  )
  const socket = await client.connect(7, 'server')
  socket.write('hello')
  signal.addEventListener('abort', () => socket.destroy())
  const began = lab.now
  await socket.toArray()
  if (lab.now - began > 150) throw new Error('the answer took too long')
}

test('a request survives every fault', async () => {
  const report = await explore(post, { world: 'memory', captures: false })
  expect(report.cleanErrors).toEqual([])
  expect(report.failures).toEqual([])
  expect(report.unstable).toEqual([])
  expect(report.count('missed')).toBe(0)
  expect(report.size).toBeGreaterThan(40)
})

test('a failure names its world, and is the same each time', async () => {
  const faults = async () => {
    const report = await explore(impatient, { world: 'memory', captures: false, faults: ['drop'] })
    return report.failures.map(({ world, faults, failed, runs }) => ({ world, faults, failed, runs }))
  }
  const found = await faults()
  expect(found.length).toBeGreaterThan(0)
  for (const { world, failed, runs } of found) expect([world, failed]).toEqual(['memory', runs])
  expect(await faults()).toEqual(found)
})

test('a module runs in threads, again and again', async () => {
  const module = new URL('../explore/protocols/http2.mjs', import.meta.url)
  const report = await explore(module, { world: 'memory', captures: false, faults: ['drop'], concurrency: 2 })
  expect([report.cleanErrors, report.failures, report.unstable]).toEqual([[], [], []])
  expect(report.runs).toBeGreaterThan(10)
})
