/** Attachments of `vnet node` by the names of their containers and pods. */
import { execFile } from 'node:child_process'
import { beforeEach, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { makeVeth } from '#support/attach.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { lines } from '#support/traffic.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const { near: container, far: host, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const engine = freshEngine(directory)
const ID = '0123456789abcdef'.repeat(4)
let daemon: Running

const within = () => ['ip', 'netns', 'exec', host.name]

beforeEach(async () => {
  makeVeth(container, host)
  daemon = await spawnVnet(['node', '--docker', '--json'], { within: within() })
})

/** Runs a command of vnet where the daemon runs. */
function vnet(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const [program, ...command] = [...within(), process.execPath, PROGRAM, ...args] as [
    string,
    ...string[],
  ]
  return new Promise(resolve => {
    const child = execFile(program, command, (_, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}
const table = async () => (await vnet('list')).stdout.split('\n').map(line => line.split(/ {2,}/))

async function startWeb(): Promise<void> {
  engine.start(ID, {
    pid: await processIn(container),
    name: 'web',
    labels: { 'vnet.wire': 'delay 1ms' },
  })
  await daemon.line(/outer: attached \(container web \(0123456789ab\), inner\)/)
}

test('list, wire, stats and the log name a container, also by its id', async () => {
  await startWeb()
  expect((await table()).slice(0, 2).map(row => row.slice(0, 2))).toEqual([
    ['interface', 'owner'],
    ['outer', 'container:web/inner'],
  ])
  const { interfaces } = JSON.parse((await vnet('list', '--json')).stdout)
  expect(interfaces[0].owner).toEqual({ container: 'web', id: ID, interface: 'inner' })
  for (const name of [
    'container:web',
    'container:web/inner',
    'container:0123456789ab',
    `container:${ID}`,
    'outer',
  ]) {
    expect((await vnet('wire', name)).stdout).toContain('outer in (ab): delay 1ms\n')
    expect((await vnet('stats', name)).stdout).toContain('  of container:web/inner\n')
  }
  expect((await vnet('wire', 'container:web')).stdout).toContain('  of container:web/inner\n')
  expect((await vnet('list', '--names')).stdout).toBe('outer\ncontainer:web\ncontainer:web/inner\n')
  expect((await vnet('cut', 'container:other')).stderr).toMatch(
    /^vnet: no interface is called container:other/,
  )
})

test('each command that takes an interface takes the name of its container', async () => {
  await startWeb()
  for (const args of [
    ['cut'],
    ['plug'],
    ['show'],
    ['reset'],
    ['wire', 'delay 2ms'],
    ['param'],
  ] as const) {
    const [command, ...rest] = args
    expect(await vnet(command, 'container:web', ...rest)).toMatchObject({ status: 0, stderr: '' })
  }
  expect((await vnet('wire', 'outer')).stdout).toContain('outer in (ab): delay 2ms')
  expect(await vnet('detach', 'container:web')).toMatchObject({ status: 0, stdout: 'outer\n' })
  expect((await vnet('list')).stdout).toMatch(
    /^container web \(0123456789ab\) .* mistake .* inner has no wire, because a user detached it$/m,
  )
})

test('a container with several interfaces is one line that names them', async () => {
  container.ip(`link add second type veth peer name other netns ${host.name}`, 'link set second up')
  host.ip('link set other up')
  await startWeb()
  await daemon.line(/other: attached/)
  const { status, stderr } = await vnet('cut', 'container:web')
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^vnet: 2 interfaces are called container:web: container:web\/(inner|second), container:web\/(inner|second)\n$/,
    ),
  ])
  expect(await vnet('cut', 'container:web/second')).toMatchObject({ status: 0 })
  expect((await table()).find(([name]) => name === 'other')?.slice(0, 4)).toEqual([
    'other',
    'container:web/second',
    'attach',
    'cut',
  ])
})

test('a pod has its namespace and name, and a container by hand its name', async () => {
  const variables = {
    CONTAINERID: ID,
    NETNS: `/run/netns/${container.name}`,
    IFNAME: 'inner',
    PATH: '/opt/cni/bin',
  }
  const ARGS = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-7f'
  const config = {
    cniVersion: '1.0.0',
    name: 'pods',
    type: 'vnet-cni',
    prevResult: { cniVersion: '1.0.0' },
  }
  await runPlugin({ COMMAND: 'ADD', ...variables, ARGS }, { ...config, wire: 'delay 1ms' })
  await daemon.line(/outer: attached \(pod shop\/web-7f \(0123456789ab\), inner\)/)
  expect((await vnet('wire', 'pod:shop/web-7f')).stdout).toContain('  of pod:shop/web-7f/inner\n')
  expect(await vnet('cut', 'pod:shop/web-7f/inner')).toMatchObject({ status: 0 })
  await runPlugin({ COMMAND: 'DEL', ...variables, ARGS }, config)
  engine.containers.set(ID, { pid: await processIn(container), name: 'api' })
  expect(await vnet('attach', '--node', '--container', ID)).toMatchObject({ status: 0 })
  expect((await vnet('wire', 'container:api')).stdout).toContain('  of container:api/inner\n')
  const { stderr } = await vnet('attach', '--container', ID)
  expect(stderr).toMatch(
    /outer: the daemon vnet node \(process \d+\) is attached to it: `vnet wire` changes it/,
  )
})

test('list shows the container of an attachment that runs in the foreground', async () => {
  await daemon.stop()
  engine.containers.set(ID, { pid: await processIn(container), name: 'web' })
  await spawnVnet(['attach', '--container', ID, '--wire', 'delay 1ms'], { within: within() })
  expect((await table())[1]?.slice(0, 2)).toEqual(['outer', 'container:web/inner'])
  expect((await vnet('wire', 'container:web')).stdout).toContain('  of container:web/inner\n')
})

test('vnet web shows the interface of a container and no other', async () => {
  container.ip(`link add second type veth peer name other netns ${host.name}`, 'link set second up')
  host.ip('link set other up')
  host.ip('link set lo up')
  await startWeb()
  await daemon.line(/other: attached/)
  const web = await spawnVnet(['web', '0', 'container:web/inner', 'container:none'], {
    within: within(),
    until: /^http:/,
  })
  await web.line(
    /^vnet: no interface is called container:none; .*the page shows interfaces that come later$/,
  )
  // A page without the token may see interfaces.
  const [origin] = /http:[^#]*/.exec(web.stdout) as RegExpExecArray
  const child = host.spawn(['curl', '-sN', `${origin}events`])
  const stdout = await lines(child).until(/"mayChange":false/)
  child.kill()
  expect(stdout).toContain('outer')
  expect(stdout).not.toContain('"other"')
})
