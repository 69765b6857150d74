/** Frames that the kernel drops because the queue to vnet is full, and others that it drops. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { makeVeth } from '#support/attach.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { hasCarrier, hasNoCarrier, untilShown } from '#support/shown-link.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { runCommand } from '#support/vnet-commands.ts'
import { finalStatistics, jsonLines, type Running, startVnet } from '#support/vnet-process.ts'

const { own, near, far } = freshQuietNamespaces('near', 'far')

/** Sends this many datagrams while vnet, which runs in this process, reads none. */
function send(count: number, to: string, from = near): void {
  const loop = `for ((i = 0; i < ${count}; i++)); do echo > /dev/udp/${to}/9; done 2> /dev/null`
  spawnSync('ip', ['netns', 'exec', from.name, 'bash', '-c', loop])
}

async function done(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runCommand(near, args)
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

/** Returns vnet's count of an interface, the kernel's tx_dropped, and the counts of its wire. */
async function lost(name: string) {
  const [{ beforeVnet, kernel }] = JSON.parse(await done('stats', name, '--json')).interfaces
  const wire = jsonLines(await done('wire', name, '--json')) as {
    direction: string
    beforeVnet: number
  }[]
  const of = (direction: string) => wire.find(each => each.direction === direction)?.beforeVnet
  return { beforeVnet, dropped: kernel.txDropped, ab: of('ab'), ba: of('ba') }
}

const LINE = /: lost before vnet: \d+ frames so far, because its queue in the kernel was full/

async function ends(vnet: Running, name: string, frames: number): Promise<void> {
  const stats = finalStatistics(await vnet.stop())
  expect(stats[name]).toMatchObject({ beforeVnet: frames })
}

test.each([
  ['snull', ['snull', '--seed', '7', '--wire', 'loss 50%'], 'sn0'],
  ['a cable', ['cable', 'a', 'b', '--address', '198.18.0.1/24', '--no-offload'], 'a'],
])(
  'what %s loses in its full queue is counted by wire and stats, logged, and in the last line',
  async (_, args, name) => {
    const vnet = await startVnet([...args, '--netns', near.name, '--json'])
    // Nothing replies at the other end of a cable.
    if (name === 'a') {
      near.ip('neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev a')
    }
    send(1500, '198.18.0.2')
    await vnet.line(LINE)
    const counts = await lost(name)
    expect(counts.dropped).toBeGreaterThanOrEqual(400)
    expect(counts).toEqual({
      beforeVnet: counts.dropped,
      dropped: counts.dropped,
      ab: counts.dropped,
      ba: 0,
    })
    await done('reset', name)
    expect((await lost(name)).ab).toBe(counts.ab)
    await ends(vnet, name, counts.dropped)
  },
)

test('an attachment counts what it loses in each direction at the wire, and both at the interface', async () => {
  makeVeth(near, far)
  const vnet = await startVnet([
    'attach',
    `${near.name}/inner`,
    '--fail-open',
    '10min',
    '--wire',
    'delay 1ms',
    '--json',
  ])
  await pingWithoutLoss(near, '-c 1 192.0.2.2')
  send(1200, '192.0.2.2')
  send(1400, '192.0.2.1', far)
  await vnet.line(LINE)
  const { beforeVnet, ab, ba } = await lost('inner')
  expect([ab! > ba!, ba! >= 100, beforeVnet]).toEqual([true, true, ab! + ba!])
  await ends(vnet, 'inner', beforeVnet)
})

test('frames that the kernel drops at a cut cable, without a carrier, or down are not lost before vnet', async () => {
  const vnet = await startVnet(['snull', '--netns', near.name, '--json'])
  for (const [off, on] of [
    [
      ['cut', 'sn0'],
      ['plug', 'sn0'],
    ],
    [
      ['carrier', 'sn0', 'off'],
      ['carrier', 'sn0', 'on'],
    ],
  ] as const) {
    const before = (await lost('sn0')).dropped
    await done(...off)
    await untilShown(own, near, 'sn0', hasNoCarrier)
    const droppedAfterSending = async () => {
      send(20, '198.18.0.2')
      return (await lost('sn0')).dropped
    }
    await expect.poll(droppedAfterSending).toBeGreaterThan(before)
    await done(...on)
    // A cable's carrier changes at both ends, one after the other, and replies leave by the other.
    await untilShown(own, near, 'sn0', hasCarrier)
    await untilShown(own, near, 'sn1', hasCarrier)
    await pingWithoutLoss(near, '-c 1 198.18.0.2')
  }
  near.ip('link set sn0 down')
  send(20, '198.18.0.2')
  // A device that closes drops all that its interface has sent until then.
  await vnet.line(/sn0: device closed/)
  near.ip('link set sn0 up')
  await pingWithoutLoss(near, '-c 1 198.18.0.2')
  const ping = near.spawn('ping -q -i 0.005 198.18.0.2')
  for (let i = 0; i < 5; i++) {
    for (const which of ['cut', 'plug']) {
      await done(which, 'sn0')
    }
  }
  ping.kill('SIGINT')
  expect(await lost('sn0')).toMatchObject({ beforeVnet: 0, ab: 0, ba: 0 })
  await ends(vnet, 'sn0', 0)
})
