/** Frames that pass an attached interface without its wire are counted where a tester looks. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { makeVeth } from '#support/attach.ts'
import { freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type Netns, processIn } from '#support/netns.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const { near: container, far: host, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const engine = freshEngine(directory)
const within = () => ['ip', 'netns', 'exec', host.name]

beforeEach(() => {
  makeVeth(container, host)
  // No ARP request is sent at a time of its own.
  const macOf = (netns: Netns, name: string) =>
    (JSON.parse(netns.ip(`-j link show ${name}`)) as [{ address: string }])[0].address
  host.ip(`neigh replace 192.0.2.1 lladdr ${macOf(container, 'inner')} dev outer nud permanent`)
  container.ip(`neigh replace 192.0.2.2 lladdr ${macOf(host, 'outer')} dev inner nud permanent`)
})

async function vnet(...args: string[]): Promise<string> {
  const [program, ...command] = [...within(), process.execPath, PROGRAM, ...args] as [
    string,
    ...string[],
  ]
  return (await promisify(execFile)(program, command)).stdout
}
async function answers(): Promise<boolean> {
  return (await host.run('ping -q -c 1 -W 1 192.0.2.1')).status === 0
}
/** The frames that passed without the wire, as list and the directions of wire have them. */
async function bypassed(): Promise<{ all: number; in: number; out: number }> {
  const { interfaces } = JSON.parse(await vnet('list', '--json')) as {
    interfaces: { bypassed: number }[]
  }
  const lines = (await vnet('wire', 'outer', '--json')).trim().split('\n')
  const sides = lines.map(line => JSON.parse(line) as { side: string; bypassed: number })
  const of = (wanted: string) => sides.find(({ side }) => side === wanted)?.bypassed ?? -1
  return { all: interfaces[0]?.bypassed ?? -1, in: of('in'), out: of('out') }
}
/** The kernel's counters of the interface. */
function counted(): { received: number; transmitted: number } {
  const [{ stats64 }] = JSON.parse(host.ip('-j -s link show outer')) as [
    { stats64: { rx: { packets: number }; tx: { packets: number } } },
  ]
  return { received: stats64.rx.packets, transmitted: stats64.tx.packets }
}

test('frames of a vnet that was stopped: in list, wire, stats and the last lines', async () => {
  const running = await spawnVnet(['attach', 'outer', '--wire-in', 'loss 100%'], {
    within: within(),
  })
  // On a busy machine vnet may be late by itself.
  await expect.poll(answers).toBe(false)
  process.kill(running.pid, 'SIGSTOP')
  await expect.poll(answers).toBe(true)
  process.kill(running.pid, 'SIGCONT')
  await running.line(/outer: vnet was too late/)
  const { all, ...sides } = await bypassed()
  expect([sides.in > 0, sides.out > 0, all]).toEqual([true, true, sides.in + sides.out])
  expect(await vnet('list')).toContain(`; passed without the wire: ${all}\n`)
  expect(await vnet('wire', 'outer')).toContain(`  in passed without the wire: ${sides.in}\n`)
  expect(await vnet('stats', 'outer')).toMatch(
    new RegExp(`^  passed without the wire +${all}\\b`, 'm'),
  )
  expect((await running.stop()).stdout).toMatch(/^outer passed without the wire: \d+$/m)
})

test('an attachment by hand that misses no frame has none', async () => {
  await pingWithoutLoss(host, '-c 2 -i 0.1 192.0.2.1')
  await spawnVnet(['attach', 'outer', '--fail-open', '10min'], { within: within() })
  await pingWithoutLoss(host, '-c 2 -i 0.1 192.0.2.1')
  expect(await bypassed()).toEqual({ all: 0, in: 0, out: 0 })
  expect(await vnet('list')).not.toContain('without the wire')
})

describe('of a daemon', () => {
  const labels = { 'vnet.wire': 'loss 0%' }
  const start = (): Promise<Running> =>
    spawnVnet(['node', '--docker', '--json'], { within: within() })

  test('frames of a container before its wire count, and those while the daemon was down', async () => {
    await pingWithoutLoss(host, '-c 2 -i 0.1 192.0.2.1')
    const early = counted()
    engine.start('web', { pid: await processIn(container), labels })
    const first = await start()
    await first.line(/outer: attached/)
    const atFirst = await bypassed()
    expect(atFirst).toEqual({
      all: early.received + early.transmitted,
      in: early.transmitted,
      out: early.received,
    })
    await first.stop()
    const before = counted()
    await pingWithoutLoss(host, '-c 3 -i 0.1 192.0.2.1')
    const after = counted()
    const second = await start()
    await second.line(/outer: attached/)
    const then = await bypassed()
    expect(then.in - atFirst.in).toBe(after.transmitted - before.transmitted)
    expect(then.out - atFirst.out).toBe(after.received - before.received)
  })

  test('a daemon that was killed says that it does not know how many, until the container restarts', async () => {
    engine.start('web', { pid: await processIn(container), labels })
    const first = await start()
    await first.line(/outer: attached/)
    await expect
      .poll(() => readFileSync(join(directory, 'node.state'), 'utf8'))
      .toContain('docker web')
    await first.stop('SIGKILL')
    const second = await start()
    await second.line(
      /interface outer of container web: vnet node was killed: frames passed without the wire, uncounted/,
    )
    expect(await vnet('list')).toMatch(
      /^interface outer of container web +- +attach +mistake .*uncounted, until it was back$/m,
    )
    await second.stop()
    const third = await start()
    await third.line(/outer: attached/)
    expect(await vnet('list')).toMatch(/^interface outer of container web +- +attach +mistake /m)
    host.ip('link delete outer')
    await third.line(/outer: the interface was brought down/)
    makeVeth(container, host)
    engine.start('web', { pid: await processIn(container), labels })
    await third.line(/outer: attached/, 2)
    expect(await vnet('list')).not.toContain('mistake')
  })
})
