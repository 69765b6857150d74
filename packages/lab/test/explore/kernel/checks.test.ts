/** `always` and `eventually` of scenarios, in the kernel. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { explore, type LabScenario } from '../../../src/index.ts'

const directory = fileDirectory()

const OPTIONS = { world: 'kernel', timeout: '20s' } as const
const ECHO = `
  const socket = require('dgram').createSocket('udp4')
  socket.on('message', (message, { port, address }) => socket.send(message, port, address))
  socket.bind(5000, () => console.log('ready'))
`

test('eventually waits longer than a program is paused', async () => {
  const replies: string[] = []
  const scenario: LabScenario = async ({ lab, eventually }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await once(server.spawn(process.execPath, ['-e', ECHO]).stdout!, 'data')
    const socket = await client.createSocket('udp4')
    socket.on('message', message => replies.push(String(message)))
    socket.send('question', 5000, 'server')
    await eventually(() => expect(replies).toEqual(['question']), { within: '1500ms' })
  }
  await explore.repeat(
    scenario,
    ['pause 2s on server client-server ab udp client:* > server:5000 packet 1'],
    OPTIONS,
  )
  expect(replies).toEqual(['question'])
})

test('a fault that lasts longer than its run leaves no timer, and is no failure', async () => {
  const scenario = `export default async ({ lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    server.spawn('sleep', ['100'])
    const { status } = await client.exec('ping', ['-c', '1', 'server'])
    if (status !== 0) throw new Error('no reply')
  }`
  const path = join(directory, 'pause.mjs')
  writeFileSync(path, scenario)
  const { failures, points } = await explore(path, {
    ...OPTIONS,
    captures: false,
    faults: ['pause 20s on server', 'full 20s on server'],
    filter: 'icmp6 and ip6[40] == 128',
  })
  expect(failures.map(({ error }) => error)).toEqual([])
  expect(points).toMatchObject([{ verdict: 'passed' }, { verdict: 'passed' }])
})

test.each<[string, LabScenario]>([
  [
    'always',
    async ({ lab, always }) => {
      always(() => expect(lab.now).toBeLessThan(1))
      await lab.sleep('10s')
    },
  ],
  ['eventually', ({ eventually }) => eventually(() => Promise.reject('no'), { within: '50ms' })],
])('%s has the time of the kernel, not of fake timers', async (name, checking) => {
  const scenario: LabScenario = run => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance', 'Date'] })
    return checking(run)
  }
  const running = explore.repeat(scenario, [], OPTIONS)
  await expect(running.finally(() => vi.useRealTimers())).rejects.toThrow(
    new RegExp(`^${name}, at \\d+ ms: `),
  )
})

test('the packet of a failure has the time of the lab, as its error has', async () => {
  const scenario: LabScenario = async ({ lab, signal }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    const receiver = await server.createSocket('udp4', 5000)
    const sender = await client.createSocket('udp4')
    const from = lab.now
    sender.send('x', 5000, 'server')
    await once(receiver, 'message', {
      signal: AbortSignal.any([signal, AbortSignal.timeout(300)]),
    }).catch(() => {
      throw new Error(`sent from ${from} to ${lab.now}`)
    })
  }
  const faults = ['drop', 'silence 10s']
  const options = { ...OPTIONS, captures: false, strict: true, faults } as const
  const { failures } = await explore(scenario, options)
  expect(failures).toHaveLength(2)
  for (const { packets, error, run } of failures) {
    const [, from, to] = /sent from ([\d.]+) to ([\d.]+)/.exec(error) ?? []
    for (const at of [
      /^at ([\d.]+) ms/.exec(packets[0] ?? '')?.[1],
      ...(run?.spans.map(span => span.from) ?? []),
    ]) {
      expect(Number(at)).toBeGreaterThanOrEqual(Number(from) - 1)
      expect(Number(at)).toBeLessThanOrEqual(Number(to))
    }
  }
})
