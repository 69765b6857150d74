/** Podman: its API, which is Docker's, and the CNI plugin in the chain of its network. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Child, type Netns, OwnNetns, outcome } from '#support/netns.ts'
import { PODMAN_CONF } from '#support/podman-conf.ts'
import { lines, pingWithoutLoss } from '#support/traffic.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'
import { copyPlugins, makeRoot, writeChain } from './chain.ts'
import { CGROUP, endEngine, removeCgroup, spawnEngine } from './engine.ts'

const own = new OwnNetns()
let directory: string
let netns: Netns
/** Podman's service, which listens at `socket`. */
let service: Child
let socket: string

const CONF = (at: (name: string) => string) => `${PODMAN_CONF}
  [network]
  network_backend = "cni"
  cni_plugin_dirs = ["${at('plugins')}"]
  network_config_dir = "${at('networks')}"`

beforeAll(async () => {
  netns = own.addQuiet()
  directory = mkdtempSync(join(tmpdir(), 'vnet-test-podman-'))
  const at = (name: string) => join(directory, name)
  copyPlugins(directory)
  writeChain(directory, {}, '0.4.0')
  writeFileSync(at('containers.conf'), CONF(at))
  process.env.CONTAINERS_CONF = at('containers.conf')
  socket = at('podman.sock')
  service = spawnEngine(netns, directory, [
    'podman',
    '--log-level',
    'info',
    ...ROOTS(),
    'system',
    'service',
    '--time=0',
    `unix://${socket}`,
  ])
  await lines(service).until(/API service listening/)
  await podman('import', await makeRoot(directory), 'localhost/busybox')
})
afterEach(() => podman('rm', '-f', '-t', '0', '-a'))
afterAll(async () => {
  await endEngine(service)
  own.remove()
  rmSync(directory, { recursive: true, force: true })
  removeCgroup()
  delete process.env.CONTAINERS_CONF
})

const ROOTS = () => [
  '--root',
  join(directory, 'data'),
  '--runroot',
  join(directory, 'state'),
  '--storage-driver',
  'vfs',
]
const within = () => ['nsenter', '-t', `${service.pid}`, '-m', '-n']

async function podman(...args: readonly string[]): Promise<string> {
  const [nsenter, ...rest] = within() as [string, ...string[]]
  const { status, stdout, stderr } = await outcome(
    spawn(nsenter, [...rest, 'podman', ...ROOTS(), ...args], { stdio: 'pipe' }),
  )
  if (status !== 0) throw new Error(`podman ${args.join(' ')}: ${stderr}`)
  return stdout.trimEnd()
}

/** Runs a container that does nothing, and returns its address. */
async function run(...options: readonly string[]): Promise<string> {
  const args = [
    '--network',
    'pods',
    '--cgroup-parent',
    `/${CGROUP}`,
    '--cgroups',
    'no-conmon',
    '--name',
    'web',
    ...options,
  ]
  await podman('run', '-d', ...args, 'localhost/busybox', 'sleep', '1000')
  return podman(
    'inspect',
    'web',
    '--format',
    '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
  )
}

const start = (...args: string[]): Promise<Running> =>
  spawnVnet(args, { within: within(), env: { DOCKER_HOST: `unix://${socket}` } })

/** The shortest round trip, in ms. */
const roundTrip = async (address: string) =>
  (await pingWithoutLoss(netns, `-c 3 -i 0.01 ${address}`)).shortest

test('a container in a network with the plugin has its wire, until it is removed', async () => {
  writeChain(directory, { wire: 'delay 20ms' }, '0.4.0')
  const daemon = await start('node', '--json')
  const address = await run()
  writeChain(directory, {}, '0.4.0')
  await daemon.line(/: attached \((container|pod) /)
  expect(await roundTrip(address)).toBeGreaterThanOrEqual(40)
  await podman('rm', '-f', '-t', '0', 'web')
  await daemon.line(/device closed/)
})

test('vnet attach --container finds a container by the API', async () => {
  const address = await run()
  const vnet = await start('attach', '--container', 'web', '--wire-in', 'delay 20ms', '--json')
  expect(await roundTrip(address)).toBeGreaterThanOrEqual(20)
  await vnet.stop()
})

test('vnet node --docker attaches the wire of labels', async () => {
  const daemon = await start('node', '--docker', '--json', '-v')
  await daemon.line(/docker: connected/)
  const address = await run('--label', 'vnet.wire=delay 20ms')
  await daemon.line(/: attached \(container /)
  expect(await roundTrip(address)).toBeGreaterThanOrEqual(40)
})
