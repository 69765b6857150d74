/**
 * Drivers that choose queues: ndoSelectQueue in a driver file, and flows whose frames return on
 * other queues than they came from. The second half shows that the checks of queues.test.ts detect
 * such flows.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { firstOf } from '#support/scale.ts'
import { udpSocket } from '#support/sockets.ts'
import { pingWithoutLoss, udpFlows } from '#support/traffic.ts'
import {
  expectConserved,
  finalStatistics,
  type Running,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const dist = new URL('../../dist/', import.meta.url)
const pause = new Int32Array(new SharedArrayBuffer(4))

const { netns, files } = freshQuietNamespaces('netns')

/**
 * Runs a driver like loop with four queues. `before` is code between the flip and netifRx, `ops`
 * are further operations.
 */
async function start({
  before = '',
  ops = '',
}: {
  before?: string
  ops?: string
}): Promise<Running> {
  const path = files.write(
    `import { allocNetdevMqs, defineDriver, etherSetup, ethHwAddrRandom, IFF_NOARP, netifRx } from '${new URL('index.js', dist)}'
    import { addressToHost, flipNetwork } from '${new URL('drivers/flip/hidden-loopback.js', dist)}'
    const netdevOps = {
      ndoOpen(dev) { for (const txq of dev.tx) txq.start() },
      ndoStop(dev) { dev.log.info(\`requeued \${dev.tx.map(({ requeues }) => requeues)}\`) },
      ndoStartXmit(skb, dev) {
        const reason = flipNetwork(skb)
        if (reason !== 0) return skb.drop(reason)
        addressToHost(skb, dev.devAddr)
        ${before}
        netifRx(skb)
      },
      ${ops}
    }
    export const driver = defineDriver({
      name: 'mine',
      description: 'a test',
      params: {},
      init(_, { net }) {
        const dev = allocNetdevMqs({ name: 'mine0', setup: etherSetup, txqs: 4, rxqs: 4, priv: {} })
        Object.assign(dev, { netdevOps, flags: dev.flags | IFF_NOARP })
        ethHwAddrRandom(dev, net.random)
        return [{ dev, addresses: ['198.18.0.1/24', '198.18.1.2/24'] }]
      },
    })`,
  )
  return await startVnet([path, '--netns', netns.name, '--json'])
}

describe('ndoSelectQueue', () => {
  test('ndoSelectQueue chooses the queue that a frame leaves by', async () => {
    // By the destination port: 7000 + q.
    const vnet = await start({ ops: 'ndoSelectQueue: (dev, skb) => skb.bytes[skb.data + 37] & 3' })
    const client = await udpSocket(netns, '198.18.0.1', 0)
    const servers = await Promise.all(
      [0, 1, 2, 3].map(q => udpSocket(netns, '198.18.1.2', 7000 + q)),
    )
    let arrived = 0
    await new Promise<void>(resolve => {
      for (const server of servers) {
        server.on('message', () => ++arrived === 100 && resolve())
      }
      for (const [q, n] of [10, 20, 30, 40].entries()) {
        for (let i = 0; i < n; i++) {
          client.send('x', 7000 + q, '198.18.0.2')
        }
      }
    })
    for (const socket of [client, ...servers]) {
      socket.close()
    }
    const { queues, total } = (await stopConserved(vnet)).mine0!
    expect(queues.map(({ rxPackets }) => rxPackets)).toEqual([10, 20, 30, 40])
    expect(total).toMatchObject({ txPackets: 100, rxPackets: 100 })
  })

  test.each([
    ['nothing', '() => {}'],
    ['the queue it came by', '(dev, skb) => skb.queueMapping'],
  ])('ndoSelectQueue returning %s leaves a frame on its queue', async (_, select) => {
    const vnet = await start({ ops: `ndoSelectQueue: ${select}` })
    await pingWithoutLoss(netns, '-c 20 -i 0.002 198.18.0.2')
    const { queues } = (await stopConserved(vnet)).mine0!
    for (const { txPackets, rxPackets } of queues) {
      expect(rxPackets).toBe(txPackets)
    }
  })

  test('a queue that is not there is taken modulo the number of queues', async () => {
    const vnet = await start({ ops: 'ndoSelectQueue: () => 4 * 5 + 2' })
    await pingWithoutLoss(netns, '-c 20 -i 0.002 198.18.0.2')
    const { queues } = (await stopConserved(vnet)).mine0!
    expect(queues.map(({ rxPackets }) => rxPackets)).toEqual([0, 0, 40, 0])
  })

  test.each([
    [
      'throws',
      "() => { throw new Error('no idea') }",
      /"level":"error".*mine0: ndoSelectQueue: .*no idea \(at .*driver\.mjs:/,
    ],
    [
      'answers no number',
      "() => 'x'",
      /"level":"error".*mine0: ndoSelectQueue: returned x, not the number of a queue/,
    ],
  ])('one that %s leaves frames where they are, and that is said', async (_, select, line) => {
    const vnet = await start({ ops: `ndoSelectQueue: ${select}` })
    await pingWithoutLoss(netns, '-c 20 -i 0.002 198.18.0.2')
    await vnet.line(line)
    const ended = await vnet.stop()
    expect(ended.status).toBe(0)
    const { mine0 } = finalStatistics(ended)
    expectConserved([mine0!])
    for (const { txPackets, rxPackets } of mine0!.queues) {
      expect(rxPackets).toBe(txPackets)
    }
  })
})

describe('NETDEV_TX_BUSY', () => {
  test('NETDEV_TX_BUSY makes the kernel offer a frame again, in order, and is counted', async () => {
    const ops = `
      ndoInit(dev) {
        const { ndoStartXmit } = dev.netdevOps
        let offered = 0
        dev.netdevOps = { ...dev.netdevOps, ndoStartXmit: (skb, dev) => (++offered % 3 === 0 ? 16 : ndoStartXmit(skb, dev)) }
      },`
    const vnet = await start({ ops })
    const all = { arrived: 8 * 60, late: 0 }
    expect(await udpFlows(netns, 8, 60)).toEqual({ there: all, back: all })
    await stopConserved(vnet)
    const [, counts] = /requeued ([\d,]+)/.exec(vnet.stdout) ?? []
    const requeued = (counts ?? '').split(',').reduce((sum, n) => sum + Number(n), 0)
    // Two of three offers were taken: the last of 960 frames with offer 1439.
    expect(requeued).toBe(479)
  })
})

describe('a frame that goes back on another queue than it came from', () => {
  const FLOWS = 64
  const COUNT = 250

  /**
   * Returns the figures that queues.test.ts checks: the number of queues with at least a whole flow
   * in both directions, and the number of late datagrams.
   */
  async function spread(vnet: Running): Promise<{ used: number; late: number }> {
    let done = false
    const flows = udpFlows(netns, FLOWS, COUNT).finally(() => {
      done = true
    })
    while (!done) {
      Atomics.wait(pause, 0, 0, 2)
      await turn()
    }
    const { there, back } = await flows
    const { queues } = (await stopConserved(vnet)).mine0!
    return {
      used: queues.filter(({ txPackets }) => txPackets >= 2 * COUNT).length,
      late: there.late + back.late,
    }
  }

  test('frames that return on their queue use four queues, and none is late', async () => {
    expect(await spread(await start({}))).toEqual({ used: 4, late: 0 })
  })

  test.each(
    firstOf(1, [
      [
        'the next queue, before netifRx',
        { before: 'skb.queueMapping = (skb.queueMapping + 1) % 4' },
      ],
      [
        'the next queue, by ndoSelectQueue',
        { ops: 'ndoSelectQueue: (dev, skb) => skb.queueMapping + 1' },
      ],
      ['any queue', { ops: 'ndoSelectQueue: dev => Math.floor(Math.random() * 4)' }],
    ]),
  )('sending frames back on %s reorders flows', async (_, wrong) => {
    const { late } = await spread(await start(wrong))
    expect(late).toBeGreaterThan(0)
  })

  test.each(
    firstOf(1, [
      ['before netifRx', { before: 'skb.queueMapping = 0' }],
      ['by ndoSelectQueue', { ops: 'ndoSelectQueue: () => 0' }],
    ]),
  )('frames that return on one queue, %s, collapse flows onto it', async (_, wrong) => {
    const vnet = await start(wrong)
    await udpFlows(netns, FLOWS, COUNT)
    const { queues } = (await stopConserved(vnet)).mine0!
    const [first, ...others] = queues.map(({ txPackets }) => txPackets)
    expect(first).toBeGreaterThan(others.reduce((sum, n) => sum + n, 0))
  })
})
