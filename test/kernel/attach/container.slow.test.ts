/** `vnet attach --container` and `--pid`: the interface of the host is found from inside. */
import { beforeEach, describe, expect, test } from 'vitest'
import { interfacesOf, makeVeth } from '#support/attach.ts'
import { freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { runMain } from '#support/run-main.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { finalWires, jsonLines, startVnet } from '#support/vnet-process.ts'

const {
  near: container,
  far: host,
  other,
  third,
  directory,
} = freshQuietNamespaces('near', 'far', 'other', 'third')
const engine = freshEngine(directory)
let pid: number

beforeEach(async () => {
  makeVeth(container, host)
  pid = await processIn(container)
  engine.containers.set('web', { pid })
})

const start = (...args: string[]) =>
  startVnet(['attach', '--netns', host.name, '--json', '--seed', '7', ...args])
const refused = (...args: string[]) => runMain('attach', '--netns', host.name, ...args)

describe('an attachment to a container', () => {
  test('it is to the other end of the veth, and nothing is visible inside', async () => {
    const vnet = await start('--container', 'web', '--wire', 'delay 1ms')
    await pingWithoutLoss(host, '-c 1 192.0.2.1')
    expect(vnet.interfaces()).toEqual([
      expect.objectContaining({ name: 'outer', netns: host.name }),
    ])
    expect(interfacesOf(container)).toEqual(['inner'])
  })

  test('--wire-in applies to frames that the container receives, and --wire-out to frames it transmits', async () => {
    const vnet = await start(
      '--container',
      'web',
      '--wire-in',
      'loss 100%',
      '--wire-out',
      'delay 0ms',
    )
    container.ip('neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev inner')
    // No reply arrives, because `outer` has another address.
    await container.run('ping -c 1 -W 0.1 192.0.2.2')
    const entered = async () =>
      jsonLines((await runMain('wire', `${host.name}/outer`, '--json')).stdout).map(
        stage => stage.in,
      )
    await expect.poll(entered).toContain(1)
    const wires = finalWires(await vnet.stop())
    expect(wires.map(({ side, stage }: { side?: string; stage: string }) => [side, stage])).toEqual(
      [
        ['in', 'loss'],
        ['out', 'delay'],
      ],
    )
    expect(wires.map(({ in: entered }) => entered)).toEqual([0, 1])
  })

  test('--pid finds the same interface as --container', async () => {
    const vnet = await start('--pid', `${pid}`)
    expect(vnet.interfaces().map(({ name }) => name)).toEqual(['outer'])
  })

  test('all veths of a container are attached to, and --interface chooses one', async () => {
    host.ip(
      `link add outer2 type veth peer name inner2 netns ${container.name}`,
      'link set outer2 up',
    )
    const all = await start('--container', 'web')
    expect(
      all
        .interfaces()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['outer', 'outer2'])
    await all.stop()
    const one = await start('--container', 'web', '--interface', 'inner2')
    expect(one.interfaces().map(({ name }) => name)).toEqual(['outer2'])
  })
})

test('veths that lead to a third namespace, and TUNs, are not attached to', async () => {
  container.ip(
    `link add inner0 type veth peer name far netns ${third.name}`,
    'tuntap add tun9 mode tun',
  )
  const vnet = await start('--container', 'web')
  expect(vnet.interfaces().map(({ name }) => name)).toEqual(['outer'])
  expect((await refused('--container', 'web', '--interface', 'inner0')).stderr).toContain(
    'end of inner0 is in another',
  )
})

describe('wrong use', () => {
  test.each([
    [
      ['--container', 'nosuch'],
      1,
      /^vnet: container nosuch: there is no such container; `docker ps`/,
    ],
    [['--container', 'ended'], 1, /^vnet: container ended: it is not running$/],
    [['--container', 'bare'], 1, /^vnet: container bare: it has no network$/],
    [
      ['--container', 'shared'],
      1,
      /^vnet: container shared: it has the host's network: attach to an inter/,
    ],
    [
      ['--container', 'web', '--interface', 'eth9'],
      1,
      /^vnet: container web: it has no interface eth9$/,
    ],
    [
      ['--container', 'web', '--interface', 'dum'],
      1,
      /dum is no veth: attach inside, to .*ns\/net\/dum$/,
    ],
    [['--container', '../web'], 2, /^vnet: --container: '..\/web' is neither a name nor an id/],
    [['--container', 'web', '--pid', '1'], 2, /^vnet: give --container or --pid, not both/],
    [
      ['--container', 'web', 'eth0'],
      2,
      /^vnet: attach: name interfaces, or --container or --pid, not both/,
    ],
    [['--interface', 'eth0'], 2, /^vnet: --interface is for --container and --pid/],
    [['--pid', '4194304'], 1, /^vnet: process 4194304: there is no such process here$/],
  ])('attach %j is refused in one line', async (args, expected, why) => {
    container.ip('link add dum type bridge')
    engine.containers.set('ended', { pid: 0 })
    engine.containers.set('shared', { pid: await processIn(host) })
    if (args.includes('bare')) {
      container.ip('link del inner', 'link del dum')
      engine.containers.set('bare', { pid })
    }
    const { status, stdout, stderr } = await refused(...args)
    expect([status, stdout]).toEqual([expected, ''])
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(why)])
  })

  test('a container is refused with the remedy if its veth leads elsewhere', async () => {
    const { status, stderr } = await runMain('attach', '--container', 'web')
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/other end of inner is in another namespace: .*--netns/),
    ])
  })

  test('a veth that has the index of the other end by chance is not mistaken for it', async () => {
    container.ip(`link add inner3 index 50 type veth peer name outer3 index 60 netns ${host.name}`)
    other.ip(`link add outer3 index 60 type veth peer name inner3 index 50 netns ${third.name}`)
    const { status, stderr } = await runMain(
      ...['attach', '--netns', other.name, '--container', 'web', '--interface', 'inner3'],
    )
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/other end of inner3 is in another namespace/),
    ])
  })

  test('without an engine the sockets that were tried are named', async () => {
    await engine.close()
    const { status, stderr } = await refused('--container', 'web')
    expect([status, stderr.trimEnd().split('\n')]).toEqual([
      1,
      [
        expect.stringMatching(
          /container web: connection refused; no engine listens at \S+engine.sock: start it/,
        ),
      ],
    ])
  })

  test('an engine on another machine is refused', async () => {
    process.env.DOCKER_HOST = 'tcp://192.0.2.9:2375'
    const { status, stderr } = await refused('--container', 'web')
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('must be on this machine: unix:///PATH'),
    ])
  })
})
