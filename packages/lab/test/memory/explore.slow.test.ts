/** explore in memory: all faults, failures, and modules in threads. */
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { expect, test } from 'vitest'
import { parseFault } from '../../src/explore/fault-text.ts'
import { explore } from '../../src/explore/index.ts'
import type { RunSpec } from '../../src/explore/run-once.ts'
import type { ScenarioRun } from '../../src/explore/scenario.ts'
import { ThreadRunner } from '../../src/explore/thread-runner.ts'
import { post } from '../support/post.ts'

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

test('a request survives the loss of each packet', async () => {
  const report = await explore(post, { world: 'memory', captures: false, faults: ['drop'] })
  expect([report.cleanErrors, report.failures, report.unstable]).toEqual([[], [], []])
  expect(report.points.length).toBeGreaterThan(10)
})

test('a request survives every fault that TCP mends', async () => {
  const faults = ['drop', 'duplicate', 'delay', 'corrupt']
  const report = await explore(post, { world: 'memory', captures: false, faults })
  expect(report.cleanErrors).toEqual([])
  expect(report.failures).toEqual([])
  expect(report.unstable).toEqual([])
  expect(report.count('missed')).toBe(0)
  expect(report.size).toBeGreaterThan(40)
})

test('a failure names its world, and is the same each time', async () => {
  const faults = async () => {
    const report = await explore(impatient, { world: 'memory', captures: false, faults: ['drop'] })
    return report.failures.map(({ world, faults, failed, runs }) => ({
      world,
      faults,
      failed,
      runs,
    }))
  }
  const found = await faults()
  expect(found.length).toBeGreaterThan(0)
  for (const { world, failed, runs } of found) {
    expect([world, failed]).toEqual(['memory', runs])
  }
  expect(await faults()).toEqual(found)
})

test('a session of HTTP/2 ends if its request is the first to learn of a reset', async () => {
  const asks = async ({ lab }: ScenarioRun) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await server.run(() => http2.createServer((_, reply) => reply.end('hello')).listen(80))
    await client.run(async () => {
      const session = http2.connect('http://server')
      session.on('error', () => {})
      const ended = new Promise(resolve => session.once('close', resolve))
      await Promise.race([once(session, 'remoteSettings'), ended])
      const stream = session.destroyed ? undefined : session.request()
      stream?.on('error', () => {}).once('close', () => session.close())
      stream?.resume()
      await ended
    })
  }
  const faults = ['reset', 'forget on client']
  const report = await explore(asks, { world: 'memory', captures: false, faults, timeout: '10s' })
  expect([report.cleanErrors, report.failures]).toEqual([[], []])
})

test('what a failed run has left in its module does not make others fail', async () => {
  const source = `
    const failed = []
    export default async function scenario({ lab }) {
      const [client, server] = lab.hosts('client', 'server')
      await lab.cable(client, server)
      const socket = await server.createSocket('udp4', 5000)
      socket.on('message', (message, { port, address }) => socket.send(message, port, address))
      const asking = await client.createSocket('udp4')
      const answer = new Promise(resolve => asking.once('message', resolve))
      const late = lab.sleep(1000).then(() => failed.push('late'))
      asking.send('question', 5000, 'server')
      await Promise.race([answer, late])
      if (failed.length > 0) throw new Error(failed.join())
    }`
  const module = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
  const options = {
    world: 'memory',
    captures: false,
    concurrency: 1,
    faults: ['drop', 'duplicate'],
  } as const
  const { points, failures } = await explore(module, options)
  expect(points.map(({ verdict }) => verdict)).toEqual(['failed', 'passed', 'failed', 'passed'])
  // Once in each of two threads, and then twice in one in which it has failed.
  expect(failures[0]).toMatchObject({
    error: expect.stringMatching(/^Error: late\n/),
    failed: 4,
    runs: 4,
  })
})

test('a module runs in threads with the options that it exports, unless others are given', async () => {
  const module = new URL('../../../../test/support/explore/echo.mjs', import.meta.url)
  const report = await explore(module, { world: 'memory', captures: false })
  expect(report.kinds.map(({ text }) => text)).toEqual(['drop', 'duplicate'])
  expect([report.cleanErrors, report.failures, report.points.length]).toEqual([[], [], 4])
  const drops = await explore(module, { world: 'memory', captures: false, faults: ['drop'] })
  expect(drops.points.map(({ verdict }) => verdict)).toEqual(['slower', 'slower'])
})

test('a module without a scenario, or with wrong options, is refused in threads', async () => {
  const refused = (text: string) =>
    expect(explore(new URL(`data:text/javascript,${text}`), { world: 'memory' })).rejects.toThrow
  await refused('export const options = {}')('the module has no scenario')
  await refused('export default async () => {}; export const options = { stopAt: 0 }')('stopAt')
  await refused('throw new Error("broken")')('does not load')
})

test('a thread sends the packets without faults only if a run needs them', async () => {
  const { href } = new URL('../../../../test/support/explore/echo.mjs', import.meta.url)
  const runner = new ThreadRunner(href, 1)
  const plan = [parseFault('duplicate client-server ab udp client:* > server:5000 packet 1')]
  const packetsOf = async (more: Partial<RunSpec>) => {
    const spec = { seed: 1, sysctls: [], world: 'memory', plan, timeout: 5000, ...more } as const
    const { links } = await runner.run(spec)
    return [...links.values()].flatMap(({ packets }) => packets.map(({ hit }) => hit))
  }
  try {
    const all = await packetsOf({})
    expect(all.length).toBeGreaterThan(1)
    expect(await packetsOf({ onlyHits: true })).toEqual(all.filter(hit => hit))
    expect(all).toContain(true)
    // A failure is described by its packets.
    const silent = [parseFault('silence 1h client-server ab udp client:* > server:5000 packet 1')]
    expect(await packetsOf({ onlyHits: true, plan: silent, timeout: 900 })).toEqual([true, false])
  } finally {
    runner.close()
  }
})

test('a module runs in threads, again and again', async () => {
  const module = new URL('../explore/protocols/http2.mjs', import.meta.url)
  const report = await explore(module, {
    world: 'memory',
    captures: false,
    faults: ['drop'],
    concurrency: 2,
  })
  expect([report.cleanErrors, report.failures, report.unstable]).toEqual([[], [], []])
  expect(report.runs).toBeGreaterThan(10)
})

test('packets that only some clean runs have are listed if they are of the chosen links and filter', async () => {
  let runs = 0
  const changing = async ({ lab }: ScenarioRun) => {
    const [client, other, server] = lab.hosts('client', 'other', 'server')
    await lab.cable(client, server)
    await lab.cable(other, server)
    const port = 5000 + runs++
    for (const host of [client, other]) {
      const socket = await host.createSocket('udp4')
      for (const to of [80, port]) {
        socket.send('x', to, 'server')
      }
      await lab.sleep(10)
    }
  }
  const unstableOf = async (more: { links?: string[]; filter?: string }) => {
    const { unstable } = await explore(changing, {
      world: 'memory',
      captures: false,
      faults: ['drop'],
      ...more,
    })
    return unstable.map(name =>
      name
        .split(' ', 5)
        .join(' ')
        .replace(/50\d\d$/, 'P'),
    )
  }
  const all = await unstableOf({})
  expect(all.filter(name => name.startsWith('client-server'))).not.toEqual([])
  expect(all.filter(name => name.startsWith('other-server'))).not.toEqual([])
  expect(new Set(await unstableOf({ links: ['client-server'] }))).toEqual(
    new Set(all.filter(name => name.startsWith('client-server'))),
  )
  expect(await unstableOf({ filter: 'udp dst port 80' })).toEqual([])
})
