/** The directions of labels: a container receives through `in` and transmits through `out`. */
import { expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { spawnVnet } from '#support/vnet-process.ts'
import { counted, freshDockerd } from './dockerd.ts'

const dockerd = freshDockerd()
useAgentSocket(freshDirectory())

test.each([
  ['vnet.wire-in', 0],
  ['vnet.wire-out', 5],
])(
  'a container whose label %s loses all packets receives %i of 5 requests',
  async (label, received) => {
    const within = ['nsenter', `--net=/run/netns/${dockerd.netns.name}`]
    const daemon = await spawnVnet(['node', '--docker', '--json', '-v'], { within })
    await daemon.line(/docker: connected/)
    const web = await dockerd.run('web', '--label', `${label}=match icmp ( loss 100% )`)
    await daemon.line(/: attached/)
    const { stdout } = await dockerd.netns.run(`ping -q -c 5 -i 0.01 -W 0.1 ${web.address}`)
    expect(stdout).toContain('5 packets transmitted, 0 received')
    await expect.poll(() => counted(web, 'Icmp.InEchos')).toBe(received)
  },
)
