/**
 * A part of `npm run test:containers`, which installs the engines. Without Docker the test calls
 * the CNI plugin as a runtime calls it.
 */
import { beforeEach, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { makeVeth } from '#support/attach.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'
import { isInstalled } from '../../../scripts/setup/command.mjs'
import { isBusyboxStatic } from '../../containers/chain.ts'
import { Dockerd } from '../../containers/dockerd.ts'

const { near: pod, far: host, own, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const hasEngine = ['dockerd', 'docker', 'containerd', 'runc', 'busybox'].every(name =>
  isInstalled(name),
)
const hasDocker = hasEngine && isBusyboxStatic()
const wire = 'delay 20ms'

const start = (netns: Netns, ...args: string[]): Promise<Running> =>
  spawnVnet(['node', '--json', '-v', ...args], {
    within: ['nsenter', `--net=/run/netns/${netns.name}`],
  })

async function expectDelayed(netns: Netns, address: string): Promise<void> {
  expect((await pingWithoutLoss(netns, `-c 5 -i 0.01 ${address}`)).shortest).toBeGreaterThanOrEqual(
    40,
  )
}

if (hasDocker) {
  const dockerd = new Dockerd(own)
  beforeEach(() => async () => {
    delete process.env.DOCKER_HOST
    await dockerd.remove()
  })

  test('dockerd: a container has the wire of its labels', async () => {
    await dockerd.start()
    await dockerd.makeImage()
    process.env.DOCKER_HOST = dockerd.host
    const daemon = await start(dockerd.netns, '--docker')
    await daemon.line(/docker: connected/)
    const { address } = await dockerd.run('web', '--label', `vnet.wire=${wire}`)
    await daemon.line(/: attached/)
    await expectDelayed(dockerd.netns, address)
    await dockerd.removeContainers()
    await daemon.line(/the interface was brought down, moved or deleted/)
  })
} else {
  test('without dockerd: a pod has the wire of its annotation, until DEL', async () => {
    makeVeth(pod, host)
    const daemon = await start(host)
    const variables = {
      CONTAINERID: 'c1',
      NETNS: `/run/netns/${pod.name}`,
      IFNAME: 'inner',
      PATH: '/opt/cni/bin',
    }
    const chain = {
      cniVersion: '1.0.0',
      name: 'pods',
      type: 'vnet-cni',
      prevResult: { cniVersion: '1.0.0' },
    }
    const runtimeConfig = { 'io.kubernetes.cri.pod-annotations': { 'vnet.dev/wire': wire } }
    const added = await runPlugin({ COMMAND: 'ADD', ...variables }, { ...chain, runtimeConfig })
    expect(added).toEqual({ status: 0, stdout: '{"cniVersion":"1.0.0"}\n' })
    await daemon.line(/: attached/)
    await expectDelayed(host, '192.0.2.1')
    expect((await runPlugin({ COMMAND: 'DEL', ...variables }, chain)).status).toBe(0)
    await daemon.line(/device closed/)
  })
}
