/** Users' changes of attachments of `vnet node` last over restarts of daemon and container. */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { interfacesOf, makeVeth } from '#support/attach.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const { near: container, far: host, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const engine = freshEngine(directory)
const labels = { 'vnet.wire': 'delay 5ms' }
let pid: number

beforeEach(async () => {
  makeVeth(container, host)
  pid = await processIn(container)
})

const start = (...args: string[]): Promise<Running> =>
  spawnVnet(['node', '--docker', '--json', ...args], {
    within: ['nsenter', `--net=/run/netns/${host.name}`],
  })

/** Runs a command of vnet where the daemon runs, and returns its output. */
async function vnet(...args: string[]): Promise<string> {
  const command = ['netns', 'exec', host.name, process.execPath, PROGRAM, ...args]
  return (await promisify(execFile)('ip', command)).stdout
}
const wireOf = async (name: string) =>
  (await vnet('wire', name)).split('\n').filter(line => / (in|out) \(/.test(line))
const isCut = async (name: string) => {
  const { interfaces } = JSON.parse(await vnet('list', '--json')) as {
    interfaces: { name: string; state: string }[]
  }
  return interfaces.find(each => each.name === name)?.state === 'cut'
}
const isAttached = () => interfacesOf(host).length === 3
const answers = async () => (await host.run('ping -c 2 -i 0.1 -W 1 192.0.2.1')).status === 0
const state = () =>
  JSON.parse(readFileSync(join(directory, 'node.state'), 'utf8')) as { owner?: string }[]

describe.each(['SIGTERM', 'SIGKILL'] as const)('after %s and a new start', signal => {
  test('wires, filter and cut of a container are as users left them', async () => {
    engine.start('web', { pid, labels })
    const first = await start()
    await first.line(/outer: attached/)
    writeFileSync(join(directory, 'some.trace'), '0\n5\n')
    await vnet('wire', 'outer', '--wire-in', 'delay 80ms')
    await vnet('wire', 'outer', '--only', 'icmp')
    await vnet('wire', 'outer', '--wire-out', "match 'icmp' ( loss 100% )")
    await vnet('cut', 'outer')
    await first.stop(signal)
    const second = await start()
    await second.line(/outer: attached .*, as a user changed it/)
    expect(await wireOf('outer')).toEqual([
      'outer in (ab): delay 80ms',
      "outer out (ba): match 'icmp' ( loss 100% )",
    ])
    expect(await vnet('wire', 'outer')).toContain("only 'icmp'")
    expect(await isCut('outer')).toBe(true)
    expect(await answers()).toBe(false)
    await vnet('plug', 'outer')
    await vnet('wire', 'outer', 'off')
    expect(await answers()).toBe(true)
    await second.stop(signal)
    await start()
    expect(await wireOf('outer')).toEqual(['outer in (ab): off', 'outer out (ba): off'])
    expect(await isCut('outer')).toBe(false)
  })

  test('a container that a user detached stays detached, until another has its place', async () => {
    engine.start('web', { pid, labels })
    const first = await start()
    await first.line(/outer: attached/)
    await vnet('detach', 'outer')
    await first.stop(signal)
    const second = await start()
    await second.line(/container web: inner has no wire, because a user detached it/)
    expect(isAttached()).toBe(false)
    engine.remove('web')
    engine.start('next', { pid, labels })
    await second.line(/outer: attached/)
    await expect.poll(state).toEqual([expect.not.objectContaining({ owner: expect.anything() })])
  })
})

const seedOf = async (name: string) => JSON.parse(await vnet('show', name, '--json')).seed as number

test('an interface that was attached by hand is as it was', async () => {
  const first = await start()
  await vnet('attach', '--node', 'outer', '--wire', 'delay 5ms')
  const seed = await seedOf('outer')
  await vnet('wire', 'outer', 'delay 9ms')
  await vnet('cut', 'outer')
  await first.stop('SIGKILL')
  const second = await start()
  expect([await wireOf('outer'), await isCut('outer'), await seedOf('outer')]).toEqual([
    ['outer in (ab): delay 9ms', 'outer out (ba): delay 9ms'],
    true,
    seed,
  ])
  await vnet('detach', 'outer')
  await vnet('attach', '--node', 'outer', '--wire', 'delay 5ms')
  expect(await isCut('outer')).toBe(false)
  await second.stop('SIGKILL')
  await start()
  expect([await wireOf('outer'), await isCut('outer')]).toEqual([
    ['outer in (ab): delay 5ms', 'outer out (ba): delay 5ms'],
    false,
  ])
})

test('the files of a changed wire need not exist any more', async () => {
  engine.start('web', { pid, labels })
  const first = await start()
  await first.line(/outer: attached/)
  const file = join(directory, 'mine.trace')
  writeFileSync(file, '0\n5\n')
  await vnet('wire', 'outer', `trace ${file}`)
  writeFileSync(file, 'no trace')
  await first.stop('SIGKILL')
  await (await start()).line(/outer: attached .*, as a user changed it/)
  expect(await wireOf('outer')).toEqual([
    `outer in (ab): trace ${file}`,
    `outer out (ba): trace ${file}`,
  ])
})

test('a container that restarts with another interface keeps its cut and wire, and a new container has none', async () => {
  engine.start('web', { pid, labels })
  const daemon = await start()
  await daemon.line(/outer: attached/)
  await vnet('wire', 'outer', 'delay 80ms')
  await vnet('cut', 'outer')
  host.ip('link delete outer')
  await daemon.line(/outer: the interface was brought down/)
  makeVeth(container, host)
  host.ip('link set outer name other')
  engine.start('web', { pid, labels })
  await daemon.line(/other: attached .*, as a user changed it/)
  expect([await wireOf('other'), await isCut('other')]).toEqual([
    ['other in (ab): delay 80ms', 'other out (ba): delay 80ms'],
    true,
  ])
  host.ip('link delete other')
  await daemon.line(/other: the interface was brought down/)
  await expect.poll(state).toEqual([expect.objectContaining({ owner: 'docker web inner' })])
  engine.remove('web')
  await expect.poll(state).toEqual([])
})

test('what was kept for a container that was removed meanwhile is forgotten', async () => {
  engine.start('web', { pid, labels })
  const first = await start()
  await first.line(/outer: attached/)
  await vnet('cut', 'outer')
  await first.stop()
  host.ip('link delete outer')
  engine.containers.clear()
  const second = await start('-v')
  await second.line(/not attached again/)
  await expect.poll(state).toEqual([])
})

test('an interface that goes down and up is as a user left it', async () => {
  const daemon = await start()
  await vnet('attach', '--node', 'outer', '--wire', 'delay 5ms')
  await vnet('cut', 'outer')
  host.ip('link set outer down')
  await daemon.line(/outer: the interface was brought down/)
  host.ip('link set outer up')
  await expect.poll(isAttached).toBe(true)
  expect(await isCut('outer')).toBe(true)
})

test("a scenario's later steps replace what a user changed, also after a restart", async () => {
  writeFileSync(join(directory, 'link.yaml'), '- at: 1h\n  wire: delay 1ms\n')
  const first = await start('--files', directory)
  await vnet('attach', '--node', 'outer', '--scenario', 'link.yaml')
  await vnet('wire', 'outer', 'delay 9ms')
  await first.stop()
  await start('--files', directory)
  expect(await wireOf('outer')).toEqual(['outer in (ab): delay 9ms', 'outer out (ba): delay 9ms'])
})

describe('a pod', () => {
  const call = (COMMAND: string, wire: string) =>
    runPlugin(
      {
        COMMAND,
        CONTAINERID: 'c1',
        NETNS: `/run/netns/${container.name}`,
        IFNAME: 'inner',
        PATH: '/opt/cni/bin',
      },
      {
        cniVersion: '1.0.0',
        name: 'pods',
        type: 'vnet-cni',
        prevResult: { cniVersion: '1.0.0' },
        wire,
      },
    )

  test('keeps its cut until DEL, and a later pod with its interface has none', async () => {
    const first = await start()
    await call('ADD', 'delay 5ms')
    await vnet('cut', 'outer')
    await first.stop('SIGKILL')
    await start()
    expect(await isCut('outer')).toBe(true)
    await call('DEL', 'delay 5ms')
    expect(state()).toEqual([])
    await call('ADD', 'delay 5ms')
    expect(await isCut('outer')).toBe(false)
  })
})
