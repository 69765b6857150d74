/** Each fault of links and hosts at each packet, in memory. */

import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { explore, type LabScenario } from '../../src/index.ts'
import { asking, OPTIONS, verdictsOf } from '../support/asking.ts'

test.each([
  ['silence 2500ms', ['error', 'error', 'error', 'error']],
  ['mute 2500ms', ['error', 'error', 'error', 'error']],
  // A reply does not pass after the question; a question that follows a reply does not either.
  ['deaf 2500ms', ['error', 'error', 'error', 'passed']],
  ['pause 2500ms on server', ['failed', 'failed', 'failed', 'passed']],
  ['crash on server', ['error', 'error', 'error', 'error']],
  ['restart 2500ms on server', ['failed', 'failed', 'failed', 'failed']],
])('a client with one attempt reports %s, or fails', async (fault, verdicts) => {
  expect(await verdictsOf(asking(1), fault)).toEqual(verdicts)
})

test.each([
  'silence 2500ms',
  'mute 2500ms',
  'deaf 2500ms',
  'pause 2500ms on server',
  'restart 2500ms on server',
])('a client that asks again survives %s', async fault => {
  expect(await verdictsOf(asking(5), fault)).toEqual(['passed', 'passed', 'passed', 'passed'])
})

test('a fault of hosts without a name is a column for each end of a flow', async () => {
  const report = await explore(asking(1), {
    ...OPTIONS,
    faults: ['pause 2500ms', 'crash on server'],
  })
  const { faults, points } = report.toJSON()
  expect(faults).toEqual(['pause 2500ms on client', 'pause 2500ms on server', 'crash on server'])
  const verdictsOf = (column: number) =>
    points.filter(({ fault }) => fault === column).map(({ verdict }) => verdict)
  // The sockets of the client stop, although the test waits for them.
  expect([0, 1].map(verdictsOf)).toEqual([
    ['failed', 'failed', 'failed', 'failed'],
    ['failed', 'failed', 'failed', 'passed'],
  ])
  expect(points[0]?.faults).toEqual([
    'pause 2.5s on client client-server ab udp client:* > server:5000 packet 1',
  ])
})

test('forget breaks a client that uses its connection again, and names no other packet', async () => {
  const scenario: LabScenario = async ({ lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server, { wire: 'delay 5ms' })
    await server.start(({ host }) =>
      host.listen(
        createServer((_, response) => response.end('reply')),
        80,
      ),
    )
    await (await client.fetch('http://server/')).text()
    await lab.sleep('1s')
    await (await client.fetch('http://server/', { method: 'POST', body: 'one' })).text()
  }
  const report = await explore(scenario, {
    ...OPTIONS,
    faults: ['forget on server'],
    filter: 'tcp',
    strict: true,
  })
  expect(report.points.length).toBe(report.packets.length)
  expect(report.failures.length).toBeGreaterThan(0)
  const [first] = report.failures
  await expect(
    explore.repeat(scenario, first?.faults ?? [], { world: 'memory', timeout: '60s' }),
  ).rejects.toThrow()
})
