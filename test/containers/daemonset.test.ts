/**
 * The containers of deploy/kubernetes, with their own rights and without a kubelet: Docker runs
 * them with the security contexts and the volumes of the manifests.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { freshDockerd } from './dockerd.ts'

interface Container {
  readonly name: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly securityContext: {
    readonly readOnlyRootFilesystem?: boolean
    readonly allowPrivilegeEscalation?: boolean
    readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] }
    readonly seccompProfile: { readonly type: string }
  }
  readonly volumeMounts?: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
  }[]
  readonly startupProbe?: { readonly exec: { readonly command: readonly string[] } }
  readonly livenessProbe?: { readonly exec: { readonly command: readonly string[] } }
  readonly readinessProbe?: { readonly exec: { readonly command: readonly string[] } }
}

const dockerd = freshDockerd()
const directory = freshDirectory()
const { far: pod } = freshQuietNamespaces('near', 'far')
const at = (name: string) => join(directory, name)

const LIST = {
  cniVersion: '0.3.1',
  name: 'cbr0',
  plugins: [{ type: 'flannel' }, { type: 'portmap' }],
}
const list = () => JSON.parse(readFileSync(at('conf/10-flannel.conflist'), 'utf8'))

beforeEach(() => {
  for (const name of ['bin', 'conf', 'run', 'netns', 'files']) {
    mkdirSync(at(name))
  }
  writeFileSync(at('conf/10-flannel.conflist'), JSON.stringify(LIST))
  process.env.VNET_NODE_SOCKET = at('run/node.sock')
})
afterEach(() => {
  delete process.env.VNET_NODE_SOCKET
})

/** Returns a container of the DaemonSet in a file. */
function containerOf(file: string, name: string): Container {
  const documents = parseAllDocuments(readFileSync(join('deploy/kubernetes', file), 'utf8'))
  const { spec } = documents
    .map(document => document.toJS())
    .find(({ kind }) => kind === 'DaemonSet').spec.template
  return [...spec.initContainers, ...spec.containers].find((each: Container) => each.name === name)
}

/** The program and the libraries of this machine, in place of an image's. */
const IMAGE = [
  `${process.execPath}:/bin/node`,
  `${process.cwd()}:/vnet`,
  ...['/lib', '/lib64', '/usr/lib'].map(path => `${path}:${path}`),
].flatMap(volume => ['-v', `${volume}:ro`])

/** Returns the options of `docker run` for what the manifest gives to a container. */
function rightsOf({ securityContext: context, volumeMounts = [] }: Container): string[] {
  const { drop, add = [] } = context.capabilities
  // A device is mounted like a directory, as for a hostPath: --device would also permit its use.
  const volumes = volumeMounts.map(({ name, mountPath, readOnly }) => {
    const path = name === 'tun' ? '/dev/net/tun' : at(name)
    return `${path}:${mountPath}${readOnly ? ':ro' : ''}`
  })
  return [
    ...drop.map(capability => `--cap-drop=${capability}`),
    ...add.map(capability => `--cap-add=${capability}`),
    ...(context.readOnlyRootFilesystem ? ['--read-only'] : []),
    ...(context.allowPrivilegeEscalation === false ? ['--security-opt=no-new-privileges'] : []),
    ...(context.seccompProfile.type === 'Unconfined' ? ['--security-opt=seccomp=unconfined'] : []),
    ...volumes.flatMap(volume => ['-v', volume]),
  ]
}

/** Runs a container in the network and among the processes of the host. */
function run(container: Container, ...options: readonly string[]): Promise<string> {
  const [program, ...words] = container.command ?? [
    'node',
    '/vnet/dist/vnet.js',
    ...(container.args ?? []),
  ]
  const given = words.map(word => word.replace('$(HOST_IP)', '127.0.0.1'))
  const own = [
    '--name',
    container.name,
    '--net=host',
    '--pid=host',
    '--entrypoint',
    program as string,
  ]
  return dockerd.docker(
    'run',
    ...options,
    ...own,
    ...IMAGE,
    ...rightsOf(container),
    'busybox',
    ...given,
  )
}

const exec = (name: string, command: readonly string[]) => dockerd.docker('exec', name, ...command)

test('the containers of the DaemonSet work with the rights that it gives them', async () => {
  expect(await run(containerOf('daemonset.yaml', 'install'), '--rm')).toBe(
    'vnet-cni is in 10-flannel.conflist',
  )
  const node = containerOf('daemonset.yaml', 'node')
  await run(node, '-d')
  await expect.poll(() => dockerd.docker('logs', 'node')).toContain('"ready"')
  for (const probe of [node.startupProbe, node.livenessProbe, node.readinessProbe]) {
    await exec('node', probe?.exec.command as string[])
  }

  dockerd.netns.ip(`link add vethpod type veth peer name eth0 netns ${pod.name}`)
  dockerd.netns.ip('addr add 198.18.9.1/24 dev vethpod', 'link set vethpod up')
  pod.ip('addr add 198.18.9.2/24 dev eth0', 'link set eth0 up')
  const variables = {
    CONTAINERID: 'c1',
    IFNAME: 'eth0',
    NETNS: `/proc/${await processIn(pod)}/ns/net`,
  }
  const config = {
    cniVersion: '0.3.1',
    name: 'cbr0',
    prevResult: {},
    required: true,
    wire: 'delay 10ms',
  }
  expect(await runPlugin({ COMMAND: 'ADD', ...variables }, config)).toEqual({
    status: 0,
    stdout: '{}\n',
  })
  const { shortest } = await pingWithoutLoss(dockerd.netns, '-c 3 -i 0.01 198.18.9.2')
  expect(shortest).toBeGreaterThanOrEqual(20)

  await run(containerOf('daemonset.yaml', 'metrics'), '-d')
  await expect
    .poll(() => dockerd.docker('logs', 'metrics'))
    .toContain('http://127.0.0.1:9609/metrics')
  const scrape = "fetch('http://127.0.0.1:9609/metrics').then(r => r.text()).then(console.log)"
  expect(await exec('metrics', ['node', '-e', scrape])).toMatch(
    /vnet_network_info\{.*device="vethpod"/,
  )

  await dockerd.docker('stop', 'node')
  expect(await dockerd.docker('inspect', '-f', '{{.State.ExitCode}}', 'node')).toBe('0')
  await dockerd.docker('start', 'node')
  await expect.poll(() => dockerd.docker('logs', '--tail', '1', 'node')).toContain('"ready"')
  expect(
    (await pingWithoutLoss(dockerd.netns, '-c 3 -i 0.01 198.18.9.2')).shortest,
  ).toBeGreaterThanOrEqual(20)

  // The network writes its list again.
  writeFileSync(at('conf/10-flannel.conflist'), JSON.stringify(LIST))
  await expect(exec('node', node.readinessProbe?.exec.command as string[])).rejects.toThrow(
    'does not name vnet-cni',
  )
})

test('uninstall.yaml takes the plugin out with the rights that it gives', async () => {
  await run(containerOf('daemonset.yaml', 'install'), '--rm')
  expect(list()).not.toEqual(LIST)
  expect(await run(containerOf('uninstall.yaml', 'uninstall'), '--rm')).toBe(
    'vnet-cni is in no list',
  )
  expect(list()).toEqual(LIST)
})
