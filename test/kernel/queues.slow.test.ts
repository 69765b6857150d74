/**
 * Flows on a real TAP use all queues, and each remains in order, even while the kernel moves it to
 * another queue.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { runMain } from '#support/run-main.ts'
import { either, firstOf } from '#support/scale.ts'
import {
  expectFlowsInOrder,
  farEnd,
  iperf3,
  nearEnd,
  pingWithoutLoss,
  tcpReordering,
} from '#support/traffic.ts'
import { BOTH_WAYS, jsonLines, startVnet, stopConserved } from '#support/vnet-process.ts'

const FLOWS = 64
const COUNT = 250
/** The amount that iperf3 sends: for a second, or this many bytes in each direction. */
const UNTIL = either('-t 1', '-n 32M')
const pause = new Int32Array(new SharedArrayBuffer(4))

const { netns } = freshQuietNamespaces('netns')

/** Delays the driver, which is in this process, after every turn until `traffic` has ended. */
async function slowly<T>(traffic: Promise<T>): Promise<T> {
  let done = false
  const over = traffic.finally(() => {
    done = true
  })
  // More frames then wait in a queue than the driver reads in one turn: they would be overtaken by
  // later frames of another queue.
  while (!done) {
    Atomics.wait(pause, 0, 0, 2)
    await turn()
  }
  return over
}

// Without offloads in a long run only.
describe.each(firstOf(1, BOTH_WAYS))('%s', (_, offload) => {
  test('loop: flows use all four queues and are never reordered', async () => {
    const vnet = await startVnet(['loop', '--netns', netns.name, '--json', ...offload])
    await slowly(expectFlowsInOrder(netns, FLOWS, COUNT))
    const { queues, rxQueues, total } = (await stopConserved(vnet)).vnet0!
    expect([queues.length, rxQueues]).toEqual([4, 2])
    // At least the frames of a whole flow, in both directions: flows remain on their queues.
    for (const queue of queues) {
      expect(queue.txPackets).toBeGreaterThanOrEqual(2 * COUNT)
    }
    expect(queues.reduce((n, queue) => n + queue.txPackets, 0)).toBe(total.txPackets)
    // A frame of transmit queue q goes to receive ring q % 2.
    for (const q of [0, 1]) {
      const both = [queues[q]!, queues[q + 2]!]
      expect(queues[q]!.rxPackets).toBe(
        both.reduce((n, { txPackets, txDropped }) => n + txPackets - txDropped, 0),
      )
      expect(queues[q + 2]!.rxPackets).toBe(0)
    }
  })

  test.each(
    firstOf(1, [
      ['by poll', ['--use-napi']],
      ['by interrupt', []],
    ] as const),
  )(
    'snull with completion %s: flows use all four queues and are never reordered',
    async (_, completion) => {
      const vnet = await startVnet([
        'snull',
        '--netns',
        netns.name,
        '--json',
        '--txqs',
        '4',
        ...completion,
        ...offload,
      ])
      await slowly(expectFlowsInOrder(netns, FLOWS, COUNT))
      const { sn0, sn1 } = await stopConserved(vnet)
      for (const { queues, rxQueues } of [sn0!, sn1!]) {
        expect([queues.length, rxQueues]).toEqual([4, 1])
        for (const queue of queues) {
          expect(queue.txPackets).toBeGreaterThanOrEqual(COUNT)
        }
      }
    },
  )

  test.each(
    firstOf(2, [
      ['loop', ['loop'], 'vnet0'],
      ['snull', ['snull', '--txqs', '4', '--rxqs', '2'], 'sn0'],
      ['snull with a poll', ['snull', '--txqs', '4', '--rxqs', '4', '--use-napi'], 'sn0'],
    ] as const),
  )(
    '%s: iperf3 -P 8 in both directions uses all queues, and nothing is reordered',
    async (_, args, name) => {
      // Nothing may be lost either, because that looks alike: without offloads a window is
      // thousands of frames.
      const room = [
        '--txqueuelen',
        '100000',
        '--ring-size',
        '65536',
        ...(args[0] === 'snull' ? ['--pool-size', '4096'] : []),
      ]
      const vnet = await startVnet([...args, ...room, '--netns', netns.name, '--json', ...offload])
      expect(await iperf3(nearEnd(netns), farEnd(netns), 8, UNTIL)).toBeGreaterThan(1 << 20)
      expect(await tcpReordering(netns)).toEqual({
        TCPOFOQueue: 0,
        TCPSACKReorder: 0,
        TCPTSReorder: 0,
      })
      const { queues } = (await stopConserved(vnet))[name]!
      // Seventeen connections are spread at random; they leave two of four queues unused once in
      // thousands of runs.
      expect(queues.filter(({ txBytes }) => txBytes > 100_000).length).toBeGreaterThanOrEqual(2)
    },
  )
})

describe('loop has any number of queues', () => {
  test.each(
    firstOf(3, [
      [[], 4, 2],
      [['--txqs', '1'], 1, 1],
      [['--txqs', '256', '--rxqs', '256'], 256, 256],
      [['--txqs', '1', '--rxqs', '1'], 1, 1],
      [['--txqs', '3'], 3, 2],
      [['--txqs', '3', '--rxqs', '2'], 3, 2],
    ] as const),
  )(
    'loop %j has %i transmit and %i receive queues, each with its counters',
    async (args, txqs, rxqs) => {
      const vnet = await startVnet(['loop', '--netns', netns.name, '--json', ...args])
      expect(vnet.interfaces()).toMatchObject([{ txqs, rxqs }])
      const { stdout } = await netns.run('ls /sys/class/net/vnet0/queues')
      expect(stdout.match(/^tx-/gm)).toHaveLength(txqs)
      await expectFlowsInOrder(netns, 64, 10)
      const { queues, rxQueues, total } = (await stopConserved(vnet)).vnet0!
      expect([queues.length, rxQueues]).toEqual([txqs, rxqs])
      const received = Array.from({ length: txqs }, () => 0)
      for (const [q, { txPackets }] of queues.entries()) {
        received[q % rxqs]! += txPackets
      }
      expect(queues.map(({ rxPackets }) => rxPackets)).toEqual(received)
      expect(total).toMatchObject({ txPackets: 1280, rxPackets: 1280 })
    },
  )

  test.each([
    [['--txqs', '0'], /--txqs/],
    [['--txqs', '257'], /--txqs/],
    [['--rxqs', '0'], /--rxqs/],
    [['--rxqs', '257'], /--rxqs/],
    [['--rxqs', '5'], /4 tx and 5 rx queues/],
    [['--txqs', '2', '--rxqs', '3'], /2 tx and 3 rx queues/],
  ] as const)('loop %j is refused with one line', async (args, what) => {
    const { status, stdout, stderr } = await runMain('loop', '--netns', netns.name, ...args)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^vnet: [^\n]*\n$/)
    expect(stderr).toMatch(what)
    expect(netns.ip('-br link')).not.toContain('vnet')
  })
})

test('loop -vv logs the path of each frame, from open to unloaded', async () => {
  const vnet = await startVnet(['loop', '--netns', netns.name, '--json', '-vv'])
  await pingWithoutLoss(netns, '-c 1 -s 100 198.18.0.2')
  await stopConserved(vnet)
  const messages = jsonLines(vnet.stdout).map(({ message }) => `${message}`)
  const way = messages.filter(message =>
    /open|TX queue|RX queue|closed|reset|unloaded/.test(message),
  )
  const frame = [
    /^vnet0: TX queue [0-3]: enqueue, len 142$/,
    /^vnet0: copied to RX queue [01]$/,
    /^vnet0: RX queue [01]: deliver/,
  ]
  const expected = [
    /^vnet0: device opened$/,
    ...frame,
    ...frame,
    /^vnet0: device closed$/,
    /module unloaded$/,
  ]
  expect(way).toEqual(expected.map(pattern => expect.stringMatching(pattern)))
})

test('the final statistics have a line for each queue', async () => {
  const vnet = await startVnet(['loop', '--netns', netns.name])
  await pingWithoutLoss(netns, '-c 1 198.18.0.2')
  const { stdout } = await vnet.stop()
  const table = stdout.slice(stdout.indexOf('ready'))
  for (const line of ['tx-0', 'tx-1', 'tx-2', 'tx-3', 'rx-0', 'rx-1']) {
    expect(table).toMatch(new RegExp(`^ +${line} +\\d`, 'm'))
  }
  expect(table).not.toMatch(/rx-2/)
})
