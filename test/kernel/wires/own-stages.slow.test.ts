/** The stage of docs/write-a-wire.md by its name: in a cable, an attachment and a lab. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { runMain } from '#support/run-main.ts'
import { snmp } from '#support/snmp.ts'
import { jsonLines, startVnet, stopConserved } from '#support/vnet-process.ts'
import { FileLab } from '../../../packages/lab/src/file/file-lab.ts'
import { parseLabFile } from '../../../packages/lab/src/file/read.ts'
import { createLab } from '../../../packages/lab/src/index.ts'

const { near, far, directory } = freshQuietNamespaces('near', 'far')

/**
 * Returns a function that sends nine requests, of which the stage loses some, and one that passes,
 * and returns how many arrived. The last is answered when all were counted; `ping` itself gives up
 * replies that come late.
 */
function arrivals(): () => Promise<number> {
  let before = 0
  return async () => {
    await near.run('ping -c 9 -i 0.01 -W 1 198.18.0.2')
    await near.run('ping -c 1 198.18.0.2')
    const all = snmp(far)['Icmp.InEchos'] ?? 0
    const arrived = all - before
    before = all
    return arrived
  }
}

function stageFile(): string {
  const page = readFileSync('docs/write-a-wire.md', 'utf8')
  const [, code = ''] = /Save this as `my.js`:\n\n```js\n(.*?)^```$/ms.exec(page) ?? []
  const file = join(directory, 'my.mjs')
  writeFileSync(file, code)
  return file
}

test('--stage makes the functions of a file stages of a cable, also for a later change', async () => {
  const ends = [`${near.name}/left`, `${far.name}/right`]
  const addresses = [
    '--address',
    'left=198.18.0.1/24',
    '--address',
    'right=198.18.0.2/24',
    '--json',
  ]
  const wire = ['--stage', stageFile(), '--wire-ab', 'match icmp ( stage third )']
  const vnet = await startVnet(['cable', ...ends, ...addresses, ...wire])
  const arrived = arrivals()
  expect(await arrived()).toBe(7)
  const changed = await runMain(
    'wire',
    `${near.name}/left`,
    '--wire-ab',
    'match icmp ( stage third | stage third )',
  )
  expect([changed.status, changed.stderr]).toEqual([0, ''])
  const refused = await runMain('wire', `${near.name}/left`, 'stage thrid')
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringContaining("did you mean 'third'?"),
  ])
  expect(await arrived()).toBe(5)
  const stages = jsonLines((await runMain('wire', `${near.name}/left`, '--json')).stdout)
  expect(stages).toContainEqual(
    expect.objectContaining({ stage: 'third', path: 'match then ', in: 20, dropped: 6 }),
  )
  await stopConserved(vnet)
})

test('--stage makes them stages of an attachment', async () => {
  const cable = await startVnet(['cable', `${near.name}/left`, `${far.name}/right`, '--json'])
  await near.run('ip addr add 198.18.0.1/24 dev left')
  await far.run('ip addr add 198.18.0.2/24 dev right')
  const target = ['--netns', near.name, 'left', '--json', '--stage', stageFile()]
  const vnet = await startVnet(['attach', ...target, '--wire-out', 'match icmp ( stage third )'])
  expect(await arrivals()()).toBe(7)
  await vnet.stop('SIGTERM')
  await stopConserved(cable)
})

test('createLab takes files of stages, which the wires of its links name', async () => {
  await using lab = await createLab({ stages: [stageFile()] })
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, { wire: { ab: 'match icmp ( stage third )' } })
  await client.exec('sh', ['-c', 'ping -4 -c 9 -i 0.01 -W 1 server; ping -4 -c 1 server'])
  const { stdout } = await server.exec('awk', ['/^Icmp: [0-9]/ { print $10 }', '/proc/net/snmp'])
  expect(stdout).toBe('7\n')
  await expect(link.wire('stage thrid')).rejects.toThrow("did you mean 'third'?")

  // Another lab of this process has stages of its own, also of the same name.
  const file = join(directory, 'other.mjs')
  writeFileSync(
    file,
    'export const third = (next, env) => ({ push: skb => env.drop(skb, "other") })\n',
  )
  const plan = parseLabFile(
    'stages: [other.mjs]\nhosts: [a, b]\ncables: { ab: { ends: [a, b], wire: stage third } }\n',
    join(directory, 'lab.yaml'),
  )
  await using other = await createLab()
  const filled = await FileLab.fill(other, plan, {
    signal: new AbortController().signal,
    log: () => {},
  })
  expect((await filled.link('ab').stats()).ab.text).toBe('stage third')
  await using none = await createLab()
  const [a, b] = none.hosts('a', 'b')
  await expect(none.cable(a, b, { wire: 'stage third' })).rejects.toThrow(
    'stage third: no file was loaded',
  )
})
