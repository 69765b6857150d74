/** `vnet stats` on running vnets: vnet's counters and the kernel's agree to the frame. */
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { DeviceStats } from '#src/control/index.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns, Outcome } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { asNobodyIn } from '#support/privileges.ts'
import { runMain } from '#support/run-main.ts'
import { either, firstOf } from '#support/scale.ts'
import { shownCounters } from '#support/shown-link.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { runCommand } from '#support/vnet-commands.ts'
import {
  BOTH_WAYS,
  type Ended,
  jsonLines,
  PROGRAM,
  spawnVnet,
  startVnet,
  stopConserved,
  withoutOtherUsers,
} from '#support/vnet-process.ts'

const RUN = '/run/vnet'
const { near, far } = freshQuietNamespaces('near', 'far')

const inside = ({ name }: Netns) => ['ip', 'netns', 'exec', name]

/** Runs `vnet stats ARGS` as a child in a namespace. */
async function statsIn(netns: Netns, ...args: string[]): Promise<Outcome> {
  const outcome = await runCommand(netns, ['stats', ...args])
  return { ...outcome, stderr: withoutOtherUsers(outcome.stderr) }
}

/** Returns the statistics that a command with --json printed. */
function interfacesOf({ stdout }: Outcome | Ended): DeviceStats[] {
  const lines = jsonLines(stdout)
  expect(lines).toMatchObject([{ event: 'statistics' }])
  return lines[0]!.interfaces as DeviceStats[]
}

describe('a vnet whose interfaces are in other namespaces', () => {
  test.each(firstOf(1, BOTH_WAYS))(
    '%s it reports by name, up and down, what it reports at its end',
    async (_, offload) => {
      const vnet = await startVnet([
        'snull',
        `${near.name}/sn0`,
        `${far.name}/sn1`,
        '--json',
        ...offload,
      ])
      await pingWithoutLoss(near, '-c 3 -i 0.02 198.18.0.2')
      using sender = new PacketSocket(near, 'sn0')
      sender.send(ethernet(0x0806, 46))
      const ask = async (name: string) => interfacesOf(await runMain('stats', name, '--json'))
      // The reply to the last ping has arrived, and so has everything before it.
      const until = async () => {
        for (;;) {
          const [stats] = await ask(`${near.name}/sn0`)
          if (stats!.drops.tx.NEIGH === 1) return stats!
        }
      }
      const up = await until()
      expect(up).toMatchObject({
        name: 'sn0',
        netns: near.name,
        total: shownCounters(near, 'sn0'),
        kernel: shownCounters(near, 'sn0'),
      })
      expect(up.total).toMatchObject({ txPackets: 4, rxPackets: 3, txDropped: 1 })
      expect(up.queues).toMatchObject([{ txPackets: 4, rxPackets: 3 }])

      near.ip('link set sn0 down')
      await vnet.line(/"sn0: device closed"/)
      const [down] = await ask(`${near.name}/sn0`)
      expect(down).toMatchObject({
        drops: up.drops,
        total: shownCounters(near, 'sn0'),
        kernel: shownCounters(near, 'sn0'),
      })
      const [other] = await ask(`${far.name}/sn1`)
      expect(other).toMatchObject({
        name: 'sn1',
        netns: far.name,
        kernel: shownCounters(far, 'sn1'),
      })

      const { sn0, sn1 } = await stopConserved(vnet)
      for (const [asked, last] of [
        [down!, sn0!],
        [other!, sn1!],
      ] as const) {
        const { ifindex: _ifindex, ...same } = asked
        expect(same.total).toMatchObject({
          txPackets: last.total.txPackets,
          rxPackets: last.total.rxPackets,
        })
        expect(Object.keys(same).sort()).toEqual(Object.keys(last).sort())
        expect(Object.keys(same.total)).toEqual(Object.keys(last.total))
      }
    },
  )
})

describe('a vnet as a program of its own', () => {
  test('root and ordinary users get a vnet’s counters, with its queues, and root alone the kernel’s', async () => {
    const vnet = await spawnVnet(['--json'], { within: inside(near) })
    await pingWithoutLoss(near, '-c 2 -i 0.02 198.18.0.2')
    const { status, stdout, stderr } = await statsIn(near)
    expect([status, stderr]).toEqual([0, ''])
    const { txPackets, rxPackets } = shownCounters(near, 'vnet0')
    expect(stdout).toMatch(/^vnet0 +vnet +kernel\n/)
    expect(stdout).toMatch(new RegExp(`^ {2}tx_packets +${txPackets} +${txPackets}$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^ {2}rx_packets +${rxPackets} +${rxPackets}$`, 'm'))
    expect(stdout).not.toContain('collisions')

    const all = await statsIn(near, 'vnet0', '--all', '--queues')
    expect(all.stdout).toMatch(/^ {2}collisions +0 +0$/m)
    expect(all.stdout.match(/^ {2}[0-3] .*$/gm)).toHaveLength(4)
    const nobody = await near.run(
      [...asNobodyIn(near), process.execPath, PROGRAM, 'stats', 'vnet0'].join(' '),
    )
    const withoutKernel = stdout.replace(/\d+$/gm, count => '-'.padStart(count.length))
    expect(nobody).toEqual({ status: 0, stderr: '', stdout: withoutKernel })
    await stopConserved(vnet)
  })

  test('a flooded vnet replies, and both columns agree to the frame each time', async () => {
    const vnet = await spawnVnet(['--json'], { within: inside(near) })
    const flood = `
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + 100
sock.sendto(bytes(64), ("198.18.0.2", 9))
print("begun", flush=True)
while time.monotonic() < end:
  for _ in range(100): sock.sendto(bytes(64), ("198.18.0.2", 9))`
    const child = near.spawn(['python3', '-c', flood])
    await once(child.stdout, 'data')
    let before = 0
    // Between two readings a busy machine may give the flood no time.
    for (let grown = 0; grown < either(5, 2) || before <= 1000; ) {
      const [stats] = interfacesOf(await statsIn(near, 'vnet0', '--json'))
      const { total, kernel } = stats!
      for (const field of ['txPackets', 'txBytes', 'rxPackets', 'rxBytes'] as const) {
        expect([field, total[field]]).toEqual([field, kernel![field]])
      }
      expect(total.txPackets).toBeGreaterThanOrEqual(before)
      if (total.txPackets > before) {
        grown++
      }
      before = total.txPackets
    }
    child.kill('SIGKILL')
    await once(child, 'close')
    await stopConserved(vnet)
  })

  test('several vnets in one namespace are shown together, each interface by its own vnet', async () => {
    const vnets = [
      await spawnVnet(['--name', 'a', '--no-address', '--json'], { within: inside(near) }),
      await spawnVnet(['--name', 'b', '--no-address', '--json'], { within: inside(near) }),
    ]
    expect(interfacesOf(await statsIn(near, '--json')).map(({ name }) => name)).toEqual(['a', 'b'])
    expect(interfacesOf(await statsIn(near, 'b', '--json')).map(({ name }) => name)).toEqual(['b'])
    await stopConserved(vnets[0]!)
    expect(interfacesOf(await statsIn(near, '--json')).map(({ name }) => name)).toEqual(['b'])
    near.ip('link set dev b name c')
    await vnets[1]!.line(/renamed to c/)
    expect(await statsIn(near, 'b', 'nope')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'vnet: no interface is called b or nope; there is c\n',
    })
    await stopConserved(vnets[1]!)
  })
})

describe('output besides the fields', () => {
  test('transmit timeouts are shown with their queue while the vnet runs and at its end', async () => {
    const args = [
      'snull',
      '--lockup',
      '1',
      '--pool-size',
      '1',
      '--timeout',
      '20',
      '--netns',
      near.name,
      '--json',
    ]
    const vnet = await startVnet(args)
    await pingWithoutLoss(near, '-c 2 -i 0.02 198.18.0.2')
    const [asked] = interfacesOf(await runMain('stats', `${near.name}/sn0`, '--json'))
    expect(asked!.total.txTimeouts).toBeGreaterThanOrEqual(1)
    expect(asked!.queues).toMatchObject([{ requeues: 0, txTimeouts: asked!.total.txTimeouts }])
    expect(asked!.total.requeues).toBe(0)
    expect(asked).toHaveProperty('held')
    const { stdout } = await runMain('stats', `${near.name}/sn0`, '--queues')
    expect(stdout).toMatch(/^ {2}tx_timeouts +[1-9]$/m)
    expect(stdout).toMatch(/^ {2}queue .* tx_timeouts\n {2}0 .* [1-9]$/m)
    expect(stdout).not.toContain('requeues')
    const { sn0 } = await stopConserved(vnet)
    expect(sn0).toMatchObject({
      total: { requeues: 0 },
      queues: [{ txTimeouts: sn0!.total.txTimeouts }],
      held: 0,
    })
    expect(sn0!.total.txTimeouts).toBeGreaterThanOrEqual(asked!.total.txTimeouts)
  })

  test('interfaces of one name are shown with their namespaces in the final table and in its JSON', async () => {
    const args = ['cable', `${near.name}/e0`, `${far.name}/e0`]
    const text = await (await startVnet(args)).stop()
    for (const { name } of [near, far]) {
      expect(text.stdout).toMatch(new RegExp(`^${name}/e0 tx +\\d`, 'm'))
    }
    const vnet = await startVnet([...args, '--json'])
    const { stdout } = await vnet.stop()
    const { interfaces } = jsonLines(stdout).find(({ event }) => event === 'statistics')!
    expect((interfaces as DeviceStats[]).map(({ netns, name }) => [netns, name]).sort()).toEqual(
      [near, far].map(({ name }) => [name, 'e0']).sort(),
    )
  })
})

describe('no vnet', () => {
  test('without a vnet, or after it was killed, stats prints one line, exits 1 and removes its file', async () => {
    const none = {
      status: 1,
      stdout: '',
      stderr: 'vnet: no vnet is running in this network namespace\n',
    }
    // A name that no other vnet on this machine has.
    const name = near.name.slice(-10)
    expect(await statsIn(near, name)).toEqual(none)
    const vnet = await spawnVnet(['--name', name, '--no-address'], { within: inside(near) })
    const file = fileOf(vnet.pid)
    expect(file).toBeDefined()
    await vnet.stop('SIGKILL')
    expect(await statsIn(near, name)).toEqual(none)
    expect(existsSync(file!)).toBe(false)
  })

  test('the command for a vnet in another namespace that has the interface is proposed', async () => {
    const name = `x${process.pid}`
    const vnet = await spawnVnet(['--name', name, '--no-address'], { within: inside(near) })
    const { status, stdout, stderr } = await statsIn(far, name)
    const line = `no vnet is running in this network namespace; for ${name}: nsenter -n -t ${vnet.pid} vnet stats ${name}`
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
    expect(fileOf(vnet.pid)).toBeDefined()
    await vnet.stop()
    expect(fileOf(vnet.pid)).toBeUndefined()
  })

  /** Returns the path of the file beside the socket of a process. */
  function fileOf(pid: number): string | undefined {
    const name = readdirSync(RUN).find(each => each.startsWith(`${pid}-`))
    if (name === undefined) return undefined
    expect(JSON.parse(readFileSync(`${RUN}/${name}`, 'utf8'))).toMatchObject({ pid })
    return `${RUN}/${name}`
  }
})
