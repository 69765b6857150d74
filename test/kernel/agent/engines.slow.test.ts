/**
 * `vnet node` with an engine of the test, and with the CNI plugin, called as a runtime calls it;
 * test/containers/agent has the other cases.
 */
import { beforeEach, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { makeVeth } from '#support/attach.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { PROGRAM, spawnVnet } from '#support/vnet-process.ts'

const { near: container, far: host, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const engine = freshEngine(directory)
const ATTACHED = /outer: attached \(container web, inner\)/

beforeEach(() => makeVeth(container, host))

const start = (...args: string[]) =>
  spawnVnet(['node', '--json', ...args], {
    within: ['nsenter', `--net=/run/netns/${host.name}`],
  })

/** Runs a command of vnet where the daemon runs, and returns its output. */
const vnet = async (words: string) =>
  (await host.run(`${process.execPath} ${PROGRAM} ${words}`)).stdout

test('a container gets the wire of its labels, has its name in the list, and remains cut when its daemon is killed', async () => {
  const labels = { 'vnet.wire-in': 'delay 5ms', 'vnet.wire-out': 'loss 1%' }
  const first = await start('--docker')
  engine.start('web', { pid: await processIn(container), labels })
  await first.line(ATTACHED)
  expect(await vnet('wire outer')).toContain('outer in (ab): delay 5ms\nouter out (ba): loss 1%\n')
  expect(await vnet('list')).toMatch(/^outer +container:web\/inner /m)
  await vnet('cut container:web')
  await first.stop('SIGKILL')
  const second = await start('--docker')
  await second.line(/outer: attached .*, as a user changed it/)
  const { interfaces } = JSON.parse(await vnet('list --json'))
  expect(interfaces).toContainEqual(expect.objectContaining({ name: 'outer', state: 'cut' }))
})

test('ADD attaches the wire of an annotation to a pod, DEL detaches it, and a mistake is in the list', async () => {
  await start()
  const call = (command: string, annotation: object) =>
    runPlugin(
      {
        COMMAND: command,
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
        runtimeConfig: { 'io.kubernetes.cri.pod-annotations': annotation },
      },
    )
  expect((await call('ADD', { 'vnet.dev/wire-in': 'delay 5ms' })).status).toBe(0)
  expect(await vnet('wire outer')).toContain('outer in (ab): delay 5ms\n')
  expect((await call('DEL', {})).status).toBe(0)
  expect(await vnet('wire outer')).toBe('')
  expect((await call('ADD', { 'vnet.dev/wires': 'loss 1%' })).status).toBe(0)
  const { mistakes } = JSON.parse(await vnet('list --json'))
  expect(mistakes).toContainEqual(expect.objectContaining({ who: 'container c1' }))
})
