/** e1000 on real TAPs: pings and TCP through the rings of two cards, and faults of a card. */
import { describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { runMain } from '#support/run-main.ts'
import { hasCarrier, hasNoCarrier, untilShown } from '#support/shown-link.ts'
import { tcpExchange } from '#support/sockets.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import {
  expectConserved,
  finalStatistics,
  type Running,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const { own, left, right } = freshQuietNamespaces('left', 'right')

const ADDRESSES = ['--address', '198.18.0.1/24', '--address', '198.18.0.2/24']
const start = (...args: string[]) =>
  startVnet(['e1000', `${left.name}/left`, `${right.name}/right`, '--json', ...ADDRESSES, ...args])

/** Stops a vnet that has logged errors, and checks that no frame was lost uncounted. */
async function stopAfterFaults(vnet: Running) {
  const ended = await vnet.stop()
  expect([ended.status, ended.stderr]).toEqual([0, ''])
  const statistics = finalStatistics(ended)
  expectConserved(Object.values(statistics))
  return statistics
}

describe.each([
  ['after the driver’s code', []],
  [
    'with a lag of a millisecond and a CPU that reorders',
    ['--lag', '1', '--weak', '--ring-size', '64'],
  ],
])('cards that work %s', (_, options) => {
  test('ping passes in both directions, and ping -f loses none of 5000', async () => {
    const vnet = await start(...options)
    await pingWithoutLoss(left, '-c 5 -i 0.01 198.18.0.2')
    await pingWithoutLoss(right, '-c 5 -i 0.01 198.18.0.1')
    await pingWithoutLoss(left, '-f -c 5000 198.18.0.2')
    const { left: a, right: b } = await stopConserved(vnet)
    for (const { total, drops } of [a!, b!]) {
      expect(total.rxPackets).toBeGreaterThanOrEqual(5010)
      expect(drops).toEqual({ tx: {}, rx: {} })
    }
  })
})

test('megabytes of TCP pass in both directions unchanged', async () => {
  const vnet = await start()
  const { sent, received } = await tcpExchange(
    { netns: left, address: '198.18.0.1', reachedAt: '198.18.0.1' },
    { netns: right, address: '198.18.0.2', reachedAt: '198.18.0.2' },
    1 << 20,
  )
  expect(received).toEqual(sent)
  await stopConserved(vnet)
})

test('the wire between the cards delays frames, and vnet show has the rings', async () => {
  const vnet = await start('--wire', 'delay 20ms')
  const { shortest } = await pingWithoutLoss(left, '-c 3 -i 0.01 198.18.0.2')
  expect(shortest).toBeGreaterThanOrEqual(40)
  const { status, stdout } = await runMain('show', `${left.name}/left`)
  expect(status).toBe(0)
  for (const part of [/tx ring .*256/, /rx ring .*256/, /packet buffer .*32/, /irq 0/, /napi 0/]) {
    expect(stdout).toMatch(part)
  }
  await stopConserved(vnet)
})

test('vnet trigger hang: the driver resets the card, and pings pass again', async () => {
  const vnet = await start()
  await pingWithoutLoss(left, '-c 3 -i 0.01 198.18.0.2')
  expect(await runMain('trigger', `${left.name}/left`, 'hang')).toMatchObject({ status: 0 })
  const lost = left.run('ping -q -c 1 -W 1 198.18.0.2')
  await vnet.line(/left: Detected Tx Unit Hang/)
  await lost
  await untilShown(own, left, 'left', hasCarrier)
  await pingWithoutLoss(left, '-c 5 -i 0.01 198.18.0.2')
  const { left: a } = await stopAfterFaults(vnet)
  expect(a!.total.txErrors).toBe(1)
  expect(a!.drops.tx).toEqual({ DEV_STOPPED: expect.any(Number) })
})

test('vnet trigger unplug: the kernel shows the carrier off at both ends, and on again', async () => {
  const vnet = await start()
  expect(await runMain('trigger', `${right.name}/right`, 'unplug')).toMatchObject({ status: 0 })
  for (const is of [hasNoCarrier, hasCarrier]) {
    await untilShown(own, left, 'left', is)
    await untilShown(own, right, 'right', is)
  }
  await pingWithoutLoss(left, '-c 3 -i 0.01 198.18.0.2')
  await stopConserved(vnet)
})

test('vnet trigger dma-error: the line of the IOMMU is logged, and pings continue', async () => {
  const vnet = await start()
  await pingWithoutLoss(left, '-c 1 198.18.0.2')
  for (const fault of ['spurious', 'dma-error']) {
    expect(await runMain('trigger', `${left.name}/left`, fault)).toMatchObject({ status: 0 })
  }
  await left.run('ping -q -c 1 -W 1 198.18.0.2')
  await vnet.line(
    /left: DMAR: \[DMA (Read|Write) NO_PASID\] Request device \[00:03\.0\] fault addr/,
  )
  await pingWithoutLoss(left, '-c 3 -i 0.01 198.18.0.2')
  await stopAfterFaults(vnet)
})

test('vnet trigger removal: the peer loses its carrier, then the driver gives up', async () => {
  const vnet = await start()
  await pingWithoutLoss(left, '-c 1 198.18.0.2')
  expect(await runMain('trigger', `${left.name}/left`, 'removal')).toMatchObject({ status: 0 })
  await untilShown(own, right, 'right', hasNoCarrier)
  const lost = left.run('ping -q -c 1 -W 1 198.18.0.2')
  await vnet.line(/left: the card was removed/)
  await untilShown(own, left, 'left', hasNoCarrier)
  await lost
  await stopAfterFaults(vnet)
})
