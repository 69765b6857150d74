/** explore in memory: every packet, in virtual time. */
import net from 'node:net'
import { expect, test } from 'vitest'
import { explore } from '../../src/explore/index.ts'
import type { ScenarioRun } from '../../src/explore/scenario.ts'
import { post } from '../support/post.ts'

test('a request survives the loss of each packet that starts a connection', async () => {
  const filter = 'tcp[tcpflags] & tcp-syn != 0'
  const report = await explore(post, { world: 'memory', captures: false, faults: ['drop'], filter })
  expect([report.cleanErrors, report.failures, report.unstable]).toEqual([[], [], []])
  expect(report.points.map(({ verdict }) => verdict)).toEqual(['slower', 'slower'])
})

/** Sends one byte, and returns once it has arrived. */
async function sendByte({ lab }: ScenarioRun): Promise<void> {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const arrived = new Promise<void>(resolve => {
    const receiver = net.createServer(socket => socket.once('data', () => resolve()))
    void server.listen(receiver, 7).then(async () => (await client.connect(7, 'server')).write('x'))
  })
  await arrived
}

test('a lost segment is repeated after the least timeout, which is 50 ms unless another is given', async () => {
  const lost = async (rtoMin?: '20ms' | false) => {
    const options = {
      captures: false,
      faults: ['drop'],
      filter: 'tcp dst port 7',
      world: 'memory',
    } as const
    const report = await explore(sendByte, { ...options, ...(rtoMin !== undefined && { rtoMin }) })
    const at = report.packets.findIndex(({ name }) => name.endsWith('seq 1'))
    return [report.rto, Math.round(report.points.find(({ packet }) => packet === at)?.ms ?? 0)]
  }
  expect(await lost()).toEqual(['50 ms', 50])
  expect(await lost('20ms')).toEqual(['20 ms', 20])
  expect(await lost(false)).toEqual(['200 ms', 200])
})
