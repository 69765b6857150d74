/** The directions of annotations: a pod receives through `in` and transmits through `out`. */
import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { outcome } from '#support/netns.ts'
import { pingSome } from '#support/traffic.ts'
import { spawnVnet } from '#support/vnet-process.ts'
import { freshContainerd } from './containerd.ts'

const containerd = freshContainerd()

/** Runs a command where containerd runs, and returns its output. */
async function run(command: string): Promise<string> {
  const [nsenter, ...within] = containerd.within as [string, ...string[]]
  return (await outcome(spawn(nsenter, [...within, ...command.split(' ')], { stdio: 'pipe' })))
    .stdout
}

test.each([
  ['vnet.dev/wire-in', 'no'],
  ['vnet.dev/wire-out', 'every'],
])(
  'a pod whose annotation %s loses all packets receives %s ARP request',
  async (annotation, which) => {
    const daemon = await spawnVnet(['node', '--json'], { within: containerd.within })
    const id = await containerd.runPod('front', { [annotation]: 'loss 100%' })
    await daemon.line(/: attached/)
    expect(await pingSome(containerd.netns, `-c 1 -W 0.1 ${containerd.address(id)}`)).toBe(0)
    const [pod] = /cni-\S+/.exec(await run('ip netns list')) as RegExpExecArray
    // A pod that receives a request knows the address of its sender.
    const knowsSender = async () =>
      (await run(`ip -n ${pod} -4 neigh show`)).includes('198.18.2.1 ')
    await expect.poll(knowsSender).toBe(which === 'every')
  },
)
