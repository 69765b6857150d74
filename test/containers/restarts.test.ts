/** Twenty containers, some of which users have changed, while their daemon restarts. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { snmp } from '#support/snmp.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'
import { BRIDGE, counted, type DockerContainer, freshDockerd } from './dockerd.ts'

const RESTARTS = 20
/** The requests that are sent, at least, between two restarts. */
const REQUESTS = 50
/** What users do to four containers each. */
const KINDS = ['plain', 'cut', 'wire', 'cut-wire', 'detached'] as const
const NAMES = KINDS.flatMap(kind => [1, 2, 3, 4].map(i => `${kind}-${i}`))

const dockerd = freshDockerd()
useAgentSocket(freshDirectory())

const within = () => ['nsenter', `--net=/run/netns/${dockerd.netns.name}`]
const start = (): Promise<Running> =>
  spawnVnet(['node', '--docker', '--json'], { within: within() })

async function vnet(...args: string[]): Promise<string> {
  const [program, ...command] = [...within(), process.execPath, PROGRAM, ...args] as [
    string,
    ...string[],
  ]
  return (await promisify(execFile)(program, command)).stdout
}

interface List {
  readonly interfaces: readonly {
    readonly name: string
    readonly state: string
    readonly wire: { readonly ab: string; readonly ba: string }
    readonly seed: number
    readonly owner: { readonly container: string } | null
  }[]
  readonly mistakes: readonly { readonly who: string; readonly why: string }[]
}

/** Returns what `vnet list` shows of each container. */
async function shown(): Promise<string[]> {
  const { interfaces, mistakes }: List = JSON.parse(await vnet('list', '--json'))
  const rows = interfaces.flatMap(({ name, state, wire, seed, owner }) =>
    // Labs of others are in each list.
    owner === null
      ? []
      : [`${owner.container} ${name} ${state} ${wire.ab} | ${wire.ba} seed ${seed}`],
  )
  const detached = mistakes
    .filter(({ why }) => why.endsWith('because a user detached it'))
    .map(({ who }) => who)
  return [...rows, ...detached].toSorted()
}

const run = (name: string): Promise<DockerContainer> =>
  dockerd.run(name, '--label', 'vnet.wire-in=delay 1ms', '--label', 'vnet.wire-out=loss 0%')

async function change(name: string): Promise<void> {
  const wired = `container:${name}`
  if (name.startsWith('cut')) {
    await vnet('cut', wired)
  }
  if (/wire/.test(name)) {
    await vnet('wire', wired, '--wire-in', 'delay 3ms loss 1%')
  }
  if (name.startsWith('detached')) {
    await vnet('detach', wired)
  }
}

/** Starts pings between a container and the host, without ARP, until the end of the test. */
async function converse({ address, mac, pid }: DockerContainer): Promise<void> {
  const [bridge] = JSON.parse(dockerd.netns.ip('-j link show docker0')) as [{ address: string }]
  dockerd.netns.ip(`neigh replace ${address} lladdr ${mac} nud permanent dev docker0`)
  const inside = `nsenter --net=/proc/${pid}/ns/net`
  await dockerd.netns.run(
    `${inside} ip neigh replace ${BRIDGE} lladdr ${bridge.address} nud permanent dev eth0`,
  )
  dockerd.netns.spawn(`ping -q -i 0.1 ${address}`)
  dockerd.netns.spawn(`${inside} ping -q -i 0.1 ${BRIDGE}`)
}

test(`twenty containers are as users left them after ${RESTARTS} restarts, and no frame passes a cut`, async () => {
  let daemon = await start()
  const containers = await Promise.all(NAMES.map(name => run(name)))
  await daemon.line(/: attached/, NAMES.length)
  for (const name of NAMES) {
    await change(name)
  }
  const before = await shown()
  expect(before).toHaveLength(NAMES.length)
  expect(before.filter(row => / cut /.test(row))).toHaveLength(8)
  const cut = containers.filter((_, i) => NAMES[i]?.startsWith('cut'))
  for (const each of cut) {
    await converse(each)
  }
  /** The requests that have passed a cut, to a container and from one. */
  const passed = () => [
    ...cut.map(each => counted(each, 'Icmp.InEchos')),
    snmp(dockerd.netns)['Icmp.InEchos'],
  ]
  const sent = () => snmp(dockerd.netns)['Icmp.OutEchos'] as number
  const atFirst = passed()
  for (let i = 0; i < RESTARTS; i++) {
    const [already, sentBefore] = [passed(), sent()]
    await expect.poll(sent).toBeGreaterThan(sentBefore + REQUESTS)
    expect(passed()).toEqual(already)
    await daemon.stop(i % 2 === 0 ? 'SIGKILL' : 'SIGTERM')
    daemon = await start()
    await expect.poll(shown).toEqual(before)
  }
  // Without the daemon frames pass directly.
  expect(passed()).not.toEqual(atFirst)
}, 600_000)
