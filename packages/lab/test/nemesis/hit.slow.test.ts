/** The option `hit` with more faults, functions and modules. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { type ExploreOptions, explore, type Hit } from '../../src/index.ts'
import { leader, OPTIONS, reportOf, scenario, silentOf } from '../support/asked-servers.ts'

test.each(['silence 2500ms', 'deaf 2500ms', 'mute 2500ms'])(
  '%s makes the links of the hit hosts dead',
  async fault => {
    expect(await silentOf('b', fault)).toEqual(['b', 'b'])
    expect(await silentOf(['a', 'b'], fault)).toEqual(['a', 'b'])
  },
)

test('a report says how long links have held packets for a slow function, and what ended before it', async () => {
  const slow = (time: string) => reportOf(lab => lab.sleep(time).then(() => 'a'))
  expect(String(await slow('200ms'))).toContain('a stops after links held all packets for 200ms')
  const [early] = (await slow('2s')).failures
  expect(early?.error).toMatch(
    /^hit had not settled when the run ended, and links held all packets meanwhile: .*a has/,
  )
})

test('a host that is named twice is hit once', async () => {
  const [failure] = (await reportOf(['a', 'a'])).failures
  expect(failure?.run?.spans.map(({ starts }) => starts)).toEqual(['a stops'])
})

test('a function that rejects when the run is over does not end the exploration', async () => {
  let isOver: (error: Error) => void = () => {}
  const report = await explore(
    run => {
      run.signal.addEventListener('abort', () => isOver(new Error('the run is over')))
      return scenario(run)
    },
    {
      ...OPTIONS,
      faults: ['pause 2500ms'],
      filter: 'udp dst port 5000',
      timeout: '5s',
      hit: () =>
        new Promise((_, reject) => {
          isOver = reject
        }),
    },
  )
  expect(report.points.map(({ verdict }) => verdict)).toEqual(['failed', 'failed'])
})

test('forget hits both ends of its connection, and needs no names', async () => {
  const given: ExploreOptions = { ...OPTIONS, faults: ['forget', 'drop'], hit: 'a' }
  expect((await explore(scenario, given)).toJSON().faults).toEqual([
    'forget on client',
    'forget on a',
    'forget on b',
    'drop',
  ])
})

const directory = fileDirectory()

const MODULE = `
let leader = ''
export const hit = lab => leader
export default async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await server.start(async ({ host }) => {
    const socket = await host.createSocket('udp4', 5000)
    socket.on('message', (message, from) => socket.send(message, from.port, from.address))
  })
  leader = 'server'
  const socket = await client.createSocket('udp4')
  const answered = new Promise(resolve => socket.once('message', resolve))
  socket.send('question', 5000, 'server')
  await answered
}
`

test('a module exports hit, which its printed test has, and an option with names replaces it', async () => {
  const path = join(directory, 'role.mjs')
  writeFileSync(path, MODULE)
  const given: ExploreOptions = {
    ...OPTIONS,
    faults: ['pause forever'],
    timeout: '5s',
    concurrency: 1,
  }
  const [failure] = (await explore(path, given)).failures
  expect(failure?.faults).toEqual([
    'pause forever client-server ab udp client:* > server:5000 packet 1',
  ])
  expect(failure?.test).not.toContain('hit')
  await expect(explore.repeat(path, failure?.faults ?? [], { world: 'memory' })).rejects.toThrow(
    'timed out',
  )
  await expect(explore(path, { ...given, hit: 'nobody' })).rejects.toThrow('nobody is not a host')
  await expect(explore(path, { hit: () => 'server' })).rejects.toThrow(
    'export `hit` from it, or give names',
  )
})

test('a module that exports something else as hit is refused', async () => {
  const path = join(directory, 'wrong.mjs')
  writeFileSync(path, MODULE.replace('lab => leader', '7'))
  await expect(explore(path, OPTIONS)).rejects.toThrow(
    'wrong.mjs: hit: 7 is not the name of a host',
  )
})

test.each<[Hit, (string | undefined)[]]>([
  ['a', ['a', undefined]],
  [['b'], ['b', 'b']],
  [
    ['a', 'b'],
    ['a', 'b'],
  ],
  [() => leader, ['a', 'b']],
  [async lab => lab.sleep('10ms').then(() => [leader, leader]), ['a', 'b']],
])('a fault without a name hits the hosts of %s', async (hit, silent) => {
  expect(await silentOf(hit)).toEqual(silent)
})

test('a fault that names its host, and one of a packet, do not ask', async () => {
  const hit = () => {
    throw new Error('it was asked')
  }
  expect(await silentOf(hit, 'pause 2500ms on a')).toEqual(['a', undefined])
  expect(await silentOf(hit, 'drop')).toEqual(['a', 'b'])
})

test('the printed test asks again, because another host may have the role', async () => {
  const { failures } = await reportOf(() => leader)
  const [{ faults, test: printed } = { faults: [], test: '' }] = failures
  expect(faults).toEqual(['pause 2.5s client-a ab udp client:* > a:5000 packet 1'])
  expect(printed).toContain("world: 'memory', hit })")
  expect(printed).toContain("// const hit = lab => ['server']\n")
  await expect(
    explore.repeat(scenario, faults, { world: 'memory', hit: () => leader }),
  ).rejects.toThrow('a has no reply')
  await expect(explore.repeat(scenario, faults, { world: 'memory' })).rejects.toThrow(
    'name the host that it hits',
  )
  const [named] = (await reportOf(['a', 'b'])).failures
  expect(named?.test).toContain("hit: ['a', 'b'] })")
})

test('a function that does not settle ends by the timeout of the run', async () => {
  const { failures } = await reportOf(() => new Promise(() => {}), 'pause 2500ms', '500ms')
  expect(failures[0]?.error).toContain('timed out after 500 ms')
})

test.each<[unknown, string]>([
  [() => undefined, 'pause: hit: undefined is not the name of a host, or a list of names'],
  [() => [], 'pause: hit: [] is not the name of a host, or a list of names'],
  ['c', 'pause: hit: c is not a host of the lab, which are client, a, b'],
])('%s is refused', async (hit, why) => {
  await expect(reportOf(hit as Hit)).rejects.toThrow(why)
})
