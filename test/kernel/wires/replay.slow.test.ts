/** `vnet simulate` runs the log of a live run through the same wire. */
import { expect, test } from 'vitest'
import { countOf, DecisionsFile } from '#support/decisions.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { runMain } from '#support/run-main.ts'
import type { End } from '#support/sockets.ts'
import { startStreams } from '#support/verified-streams.ts'
import { startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20

const { left, right, directory } = freshQuietNamespaces('left', 'right')

/** Random stages, and stages that depend on when packets arrive. */
const AB =
  'loss 1% corrupt 0.5% duplicate 1% | rate 50mbit limit 40 codel | delay 3ms 2ms 25% distribution normal'
const BA = 'loss gemodel 1% 30% | slot 1ms 3ms packets 20 | delay 1ms reorder 10% gap 3'

test('`vnet simulate` makes the same decisions from the log of a live run whose wire spec changed', async () => {
  const live = new DecisionsFile(directory, 'live')
  const simulated = new DecisionsFile(directory, 'simulated')
  const vnet = await startVnet([
    'cable',
    `${left.name}/left`,
    `${right.name}/right`,
    '--json',
    '--seed',
    '11',
    '--log',
    live.path,
    '--address',
    'left=192.0.2.1/24',
    '--address',
    'right=192.0.2.2/24',
    '--wire-ab',
    AB,
    '--wire-ba',
    BA,
  ])
  const end = (netns: Netns, address: string): End => ({ netns, address, reachedAt: address })
  const streams = await startStreams(end(left, '192.0.2.1'), end(right, '192.0.2.2'))
  await streams.more(MIB / 4)
  const changed = await runMain('wire', `${left.name}/left`, 'loss 2% | delay 2ms limit 2000')
  expect(changed).toMatchObject({ status: 0, stderr: '' })
  await streams.more(MIB / 4)
  for (const { wrong } of await streams.end()) {
    expect(wrong).toEqual([])
  }
  await stopConserved(vnet)
  expect(await runMain('simulate', live.path, '--log', simulated.path)).toMatchObject({ status: 0 })
  const [before, after] = [live.read(), simulated.read()]
  for (const verdict of ['arrive', 'drop', 'corrupt', 'duplicate', 'reorder', 'delay']) {
    expect([verdict, countOf(before, verdict) > 0]).toEqual([verdict, true])
  }
  for (const direction of ['ab', 'ba']) {
    // What was in flight at the end of the live run leaves the simulated wire.
    const of = (all: typeof before) =>
      all.filter(each => each.direction === direction && each.why !== 'closed')
    const first = of(before)
    expect(of(after).slice(0, first.length)).toEqual(first)
  }
})

test('a seed that was taken at random is logged, and with it the same packets are lost again', async () => {
  async function lostWith(...seed: string[]): Promise<{ seed: string; lost: number[] }> {
    const log = new DecisionsFile(directory, `of ${seed}`)
    const ends = [`${left.name}/left`, `${right.name}/right`]
    const vnet = await startVnet([
      'cable',
      ...ends,
      '--json',
      '--wire-ab',
      'loss 20%',
      '--log',
      log.path,
      ...seed,
    ])
    using sender = new PacketSocket(left, 'left')
    using receiver = new PacketSocket(right, 'right')
    for (let i = 0; i < 100; i++) {
      sender.send(ethernet(0x88b5, [i, ...new Array<number>(45).fill(0)]))
    }
    // One of many that follow arrives.
    for (let i = 0; i < 50; i++) {
      sender.send(ethernet(0x88b6, 46))
    }
    await receiver.until(({ octets }) => octets[13] === 0xb6)
    const logged = /wire: seed (\d+)/.exec(await vnet.line(/wire: seed/))?.[1] ?? ''
    await stopConserved(vnet)
    receiver.close()
    const arrived = new Set(
      receiver.frames.filter(({ octets }) => octets[13] === 0xb5).map(({ octets }) => octets[14]),
    )
    const lost = Array.from({ length: 100 }, (_, i) => i).filter(i => !arrived.has(i))
    const decisions = log.read()
    const drops = decisions.filter(({ verdict, n }) => verdict === 'drop' && n <= 100)
    expect(drops.map(({ n }) => n - 1)).toEqual(lost)
    expect(decisions[0]).toMatchObject({ verdict: 'set', seed: Number(logged) })
    return { seed: logged, lost }
  }
  const first = await lostWith()
  expect(first.lost.length).toBeGreaterThan(0)
  expect(await lostWith('--seed', first.seed)).toEqual(first)
  expect((await lostWith('--seed', `${Number(first.seed) + 1}`)).lost).not.toEqual(first.lost)
})
