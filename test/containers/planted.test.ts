/**
 * Experiments of which most are void, because frames pass without the wire that the tester wanted.
 * A reader of `vnet list` and the metrics alone must see which, and why.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'
import { type DockerContainer, freshDockerd } from './dockerd.ts'

const WIRE = 'vnet.wire=loss 0%'
const { far: pod, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const dockerd = freshDockerd()

const within = () => ['nsenter', `--net=/run/netns/${dockerd.netns.name}`]

async function vnet(...args: string[]): Promise<string> {
  const [program, ...command] = [...within(), process.execPath, PROGRAM, ...args] as [
    string,
    ...string[],
  ]
  return (await promisify(execFile)(program, command)).stdout
}
async function start(): Promise<Running> {
  const daemon = await spawnVnet(['node', '--docker', '--json', '-v'], { within: within() })
  await daemon.line(/docker: connected/)
  return daemon
}
const run = (name: string, ...labels: string[]) =>
  dockerd.run(name, ...labels.flatMap(label => ['--label', label]))
const ping = ({ address }: DockerContainer) => dockerd.netns.run(`ping -q -c 3 -i 0.01 ${address}`)
const attached = (daemon: Running, name: string) =>
  daemon.line(new RegExp(`: attached \\((container|pod) \\S*${name} `))

/** Starts a pod as a runtime does, with annotations. */
async function add(name: string, annotations: object): Promise<void> {
  const variables = {
    CONTAINERID: `id-of-${name}`,
    NETNS: `/proc/${await processIn(pod)}/ns/net`,
    IFNAME: 'eth0',
  }
  const ARGS = `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}`
  const runtimeConfig = { 'io.kubernetes.cri.pod-annotations': annotations }
  const config = {
    cniVersion: '1.0.0',
    name: 'pods',
    type: 'vnet-cni',
    prevResult: {},
    runtimeConfig,
  }
  expect(
    await runPlugin({ COMMAND: 'ADD', PATH: '/opt/cni/bin', ...variables, ARGS }, config),
  ).toMatchObject({
    status: 0,
  })
}

/** Experiments, by their container or pod, with the start of the reason for which each is void. */
const PLANTED = {
  killed: /^vnet node was killed: frames passed without the wire, uncounted/,
  late: /passed without the wire: \d/,
  down: /passed without the wire: \d/,
  unserved: /^vnet node did not reply when it started, so frames passed without its wire/,
  ended: /^it ended before it had its wire/,
  'label-typo': /^label 'vnet.wire_in' is unknown; did you mean 'vnet.wire-in'\?/,
  'annotation-typo': /^annotation 'vnet.dev\/wires' is unknown; did you mean 'vnet.dev\/wire'\?/,
  'unknown-word': /^wire, column 1: 'dely' is not a word of a wire; did you mean 'delay'\?/,
  'wrong-interface': /^it has no interface eth9/,
  shared: /^it shares eth0 with container right-container /,
  'host-network': /^labels: it has the host's network/,
  connected: /^eth1 has no wire, because it is newer: vnet attach --node /,
  detached: /^eth0 has no wire, because a user detached it/,
}
const RIGHT = ['right-container', 'right-pod']

/** Experiments while no daemon runs, or is late. Returns the daemon. */
async function plantDowntime(): Promise<Running> {
  let daemon = await start()
  const killed = await run('killed', WIRE)
  await attached(daemon, 'killed')
  await daemon.stop('SIGKILL')
  await ping(killed)
  await ping(await run('late', WIRE))
  daemon = await start()
  await attached(daemon, 'late')
  const down = await run('down', WIRE)
  await attached(daemon, 'down')
  await daemon.stop()
  await ping(down)
  await add('unserved', { 'vnet.dev/wire': 'loss 0%' })
  daemon = await start()
  process.kill(daemon.pid, 'SIGSTOP')
  await dockerd.docker('run', '-d', '--name', 'ended', '--label', WIRE, 'busybox', 'sh', '-c', ':')
  await dockerd.docker('wait', 'ended')
  process.kill(daemon.pid, 'SIGCONT')
  await daemon.line(/container ended .*: it ended/)
  return daemon
}

/** Experiments while the daemon runs. */
async function plantMistakes(daemon: Running): Promise<void> {
  await run('label-typo', 'vnet.wire_in=loss 100%')
  await add('annotation-typo', { 'vnet.dev/wires': 'loss 100%' })
  await run('unknown-word', 'vnet.wire=dely 20ms')
  await run('wrong-interface')
  const attach = ['attach', '--node', '--container']
  await expect(vnet(...attach, 'wrong-interface', '--interface', 'eth9')).rejects.toThrow(
    'it has no interface eth9',
  )
  await dockerd.run('shared', '--network', 'container:right-container', '--label', WIRE)
  await dockerd.run('host-network', '--network', 'host', '--label', WIRE)
  await run('connected')
  await vnet(...attach, 'connected', '--wire', 'loss 0%')
  await dockerd.docker('network', 'create', '--subnet', '198.18.1.0/24', 'second')
  await dockerd.docker('network', 'connect', 'second', 'connected')
  await run('detached', WIRE)
  await attached(daemon, 'detached')
  await vnet('detach', 'container:detached')
}

async function startRight(daemon: Running): Promise<void> {
  await run('right-container', WIRE)
  await attached(daemon, 'right-container')
  dockerd.netns.ip(
    `link add vethpod type veth peer name eth0 netns ${pod.name}`,
    'link set vethpod up',
  )
  pod.ip('link set eth0 up')
  await add('right-pod', { 'vnet.dev/wire': 'loss 0%' })
}

/**
 * Returns why each experiment is void, from the rows of `vnet list`; an empty text for a wire that
 * all frames have passed. An experiment without a row has nothing.
 */
function read(list: string, names: readonly string[]): Record<string, string> {
  const rows = list.split('\n').map(line => line.trim().split(/ {2,}/))
  const verdicts = names.flatMap(name => {
    const own = rows.filter(([first = '', second = '']) =>
      new RegExp(`(container |pod shop/)${name} |:(shop/)?${name}/`).test(`${first}  ${second}`),
    )
    const mistake = own.find(row => row[3] === 'mistake')
    const passed = own
      .map(row => /passed without the wire: \d+/.exec(row.at(-1) ?? '')?.[0])
      .find(text => text)
    return own.length === 0 ? [] : [[name, mistake?.at(-1) ?? passed ?? '']]
  })
  return Object.fromEntries(verdicts)
}

/** Returns the containers and pods with frames that passed without the wire, from the metrics. */
function readBypassed(metrics: string): string[] {
  const devices = [
    ...metrics.matchAll(/^vnet_network_bypassed_frames_total\{device="([^"]+)".*\} [1-9]/gm),
  ]
  return devices.map(([, device]) => {
    const [info = ''] =
      new RegExp(`^vnet_network_info\\{device="${device}".*$`, 'm').exec(metrics) ?? []
    return /(container|pod)="([^"]+)"/.exec(info)?.[2] ?? device ?? ''
  })
}

test('vnet list and metrics say which of 15 experiments are void, and why', async () => {
  const daemon = await plantDowntime()
  await startRight(daemon)
  await plantMistakes(daemon)
  try {
    const names = [...Object.keys(PLANTED), ...RIGHT]
    const verdicts = async () => read(await vnet('list'), names)
    const wanted = Object.entries(PLANTED).map(([name, why]) => [name, expect.stringMatching(why)])
    const right = RIGHT.map(name => [name, ''])
    await expect.poll(verdicts).toEqual(Object.fromEntries([...wanted, ...right]))

    dockerd.netns.ip('link set lo up')
    await spawnVnet(['metrics', '9100'], { within: within(), until: /^http:/ })
    const { stdout: metrics } = await dockerd.netns.run('curl -s http://127.0.0.1:9100/metrics')
    const bypassed = readBypassed(metrics)
    expect(bypassed).toEqual(expect.arrayContaining(['down', 'late']))
    expect(bypassed.filter(name => RIGHT.includes(name))).toEqual([])
    const { mistakes } = JSON.parse(await vnet('list', '--json')) as { mistakes: object[] }
    expect(metrics).toContain(`\nvnet_mistakes{pid="${daemon.pid}"} ${mistakes.length}\n`)
  } finally {
    await dockerd.removeContainers()
    await dockerd.docker('network', 'rm', 'second')
  }
})
