/**
 * A cluster of two nodes: namespaces with a daemon and the CNI plugin each, joined by a bad cable
 * and the kernel's vxlan over it. Both nodes have a pod, and one pod has a wire.
 */
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { pingAll, pingSome, pingWithoutLoss } from '#support/traffic.ts'
import { spawnVnet, startVnet } from '#support/vnet-process.ts'

const { node1, node2, pod1, pod2, directory } = freshQuietNamespaces(
  'node1',
  'node2',
  'pod1',
  'pod2',
)
useAgentSocket(directory)

/** A node, its pod, and their addresses. */
const NODES = [
  { node: node1, pod: pod1, address: '192.0.2.1', podAddress: '198.18.5.1' },
  { node: node2, pod: pod2, address: '192.0.2.2', podAddress: '198.18.5.2' },
]
const [FIRST, SECOND] = NODES as [(typeof NODES)[0], (typeof NODES)[0]]
/** Milliseconds in each direction. */
const CABLE = 2
const POD = 20

const socketOf = ({ name }: Netns) => join(directory, `${name}.sock`)

/** Calls the plugin on a node for its pod. */
function call(command: string, { node, pod }: (typeof NODES)[0], annotations: object = {}) {
  process.env.VNET_NODE_SOCKET = socketOf(node)
  return runPlugin(
    {
      COMMAND: command,
      CONTAINERID: pod.name,
      NETNS: `/run/netns/${pod.name}`,
      IFNAME: 'eth0',
      PATH: '/opt/cni/bin',
    },
    {
      cniVersion: '1.0.0',
      name: 'pods',
      type: 'vnet-cni',
      prevResult: { cniVersion: '1.0.0', interfaces: [{ name: 'eth0' }] },
      runtimeConfig: { 'io.kubernetes.cri.pod-annotations': annotations },
    },
  )
}

const FIRST_POD = `-c 3 -i 0.01 -W 0.5 ${FIRST.podAddress}`
const roundTrip = async () => (await pingWithoutLoss(pod2, FIRST_POD)).shortest

beforeEach(async () => {
  const ends = NODES.map(({ node }) => `${node.name}/uplink`)
  await startVnet(['cable', ...ends, '--no-address', '--wire', `delay ${CABLE}ms`])
  for (const { node, pod, address, podAddress } of NODES) {
    const remote = NODES.find(other => other.node !== node)!.address
    node.ip(`addr add ${address}/24 dev uplink`)
    node.ip(
      `link add vx0 type vxlan id 7 dstport 4789 local ${address} remote ${remote} dev uplink`,
    )
    node.ip('link add br0 type bridge mcast_snooping 0')
    node.ip(`link add veth0 type veth peer name eth0 netns ${pod.name}`)
    for (const port of ['vx0', 'veth0']) {
      node.ip(`link set ${port} master br0 up`)
    }
    node.ip('link set br0 up')
    pod.ip(`addr add ${podAddress}/24 dev eth0`)
    // Room for the headers of vxlan.
    pod.ip('link set eth0 mtu 1450 up')
    const env = { VNET_NODE_SOCKET: socketOf(node) }
    await spawnVnet(['node', '--json'], {
      env,
      within: ['nsenter', `--net=/run/netns/${node.name}`],
    })
  }
})

test('in a cluster of two nodes, only traffic of the annotated pod passes its wire', async () => {
  expect(await roundTrip()).toBeGreaterThanOrEqual(2 * CABLE)
  const annotations = { 'vnet.dev/wire': `delay ${POD}ms`, 'vnet.dev/seed': '7' }
  expect((await call('ADD', FIRST, annotations)).status).toBe(0)
  expect((await call('ADD', SECOND)).status).toBe(0)
  expect(await roundTrip()).toBeGreaterThanOrEqual(2 * (CABLE + POD))

  expect((await call('ADD', FIRST, { 'vnet.dev/wire-in': 'loss 100%' })).status).toBe(0)
  expect(await pingSome(pod2, FIRST_POD)).toBe(0)
  // Traffic between the nodes themselves does not pass the wire.
  await pingAll(node2, `-c 3 -i 0.01 ${FIRST.address}`)
  expect((await call('DEL', FIRST)).status).toBe(0)
  await pingAll(pod2, FIRST_POD)
})
