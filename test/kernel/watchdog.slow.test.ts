/**
 * The watchdog on real TAPs: a transmit queue whose completion is lost remains stopped until its
 * timeout, the error is counted, and all waiting frames arrive. Other queues continue meanwhile.
 */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { vnetIn } from '#support/lan-program.ts'
import { firstOf } from '#support/scale.ts'
import { snmp } from '#support/snmp.ts'
import { tcpExchange, udpSocket } from '#support/sockets.ts'
import { expectFlowsInOrder, farEnd, nearEnd, pingWithoutLoss } from '#support/traffic.ts'
import { BOTH_WAYS, jsonLines, startVnet, stopConserved } from '#support/vnet-process.ts'

const { netns } = freshQuietNamespaces('netns')

const start = (...args: string[]) => startVnet(['snull', '--netns', netns.name, '--json', ...args])

describe.each([
  ['by interrupt', []],
  ['by poll', ['--use-napi']],
] as const)('with completion %s', (_, completion) => {
  test('a ping across lockups waits for the timeout and loses nothing; each lockup is counted and logged', async () => {
    const TIMEOUT = 200
    const vnet = await start('--lockup', '10', '--timeout', `${TIMEOUT}`, ...completion)
    await pingWithoutLoss(netns, '-c 25 -i 0.03 198.18.0.2')
    // By vnet's clock: ping does not wait for a reply that is later than others.
    for (const name of ['sn0', 'sn1']) {
      const line = await vnet.line(
        new RegExp(`${name}: NETDEV WATCHDOG: transmit queue 0 timed out`),
      )
      expect(Number(/after (\d+) ms/.exec(line)?.[1])).toBeGreaterThanOrEqual(TIMEOUT)
    }
    const { sn0, sn1 } = await stopConserved(vnet)
    for (const { total, drops } of [sn0!, sn1!]) {
      expect(total).toMatchObject({ txPackets: 25, rxPackets: 25, txErrors: 2 })
      expect(drops).toEqual({ tx: {}, rx: {} })
    }
  })

  test.each(firstOf(1, BOTH_WAYS))(
    '%s TCP and UDP lose nothing in many lockups and stay in order',
    async (_, offload) => {
      const vnet = await start(
        '--txqs',
        '4',
        '--lockup',
        '40',
        '--timeout',
        '5',
        ...completion,
        ...offload,
      )
      const { sent, received } = await tcpExchange(nearEnd(netns), farEnd(netns), 1 << 20)
      expect(received).toEqual(sent)
      await expectFlowsInOrder(netns, 16, 50)
      const { sn0, sn1 } = await stopConserved(vnet)
      for (const { total, drops } of [sn0!, sn1!]) {
        expect(total.txErrors).toBeGreaterThan(10)
        expect(drops).toEqual({ tx: {}, rx: {} })
      }
    },
  )

  test('a stopped queue does not stop others', async () => {
    const FLOWS = 32
    const LOCKUP = 200
    const vnet = await start(
      '--txqs',
      '4',
      '--lockup',
      `${LOCKUP}`,
      '--timeout',
      '600000',
      ...completion,
    )
    const server = await udpSocket(netns, '198.18.1.2', 7000)
    const clients = await Promise.all(
      Array.from({ length: FLOWS }, () => udpSocket(netns, '198.18.0.1', 0)),
    )
    let sent = 0
    const send = (flow: number) => {
      clients[flow]?.send(`${flow}`, 7000, '198.18.0.2')
      sent++
    }
    const arrived = async () => Number(`${(await once(server, 'message'))[0]}`)

    for (let flow = 0; flow < FLOWS; flow++) {
      send(flow)
      expect(await arrived()).toBe(flow)
    }
    while (sent < LOCKUP) {
      send(0)
      expect(await arrived()).toBe(0)
    }
    // The queue of flow 0 is stopped now. Flows on other queues still arrive, one by one and in
    // order.
    send(0)
    const open = new Set<number>()
    server.on('message', message => open.add(Number(`${message}`)))
    for (let flow = 1; flow < FLOWS; flow++) {
      send(flow)
    }
    while (open.size === 0) {
      await once(server, 'message')
    }
    const [neighbour] = open
    for (let i = 0; i < 50; i++) {
      send(neighbour as number)
      await once(server, 'message')
    }
    expect(open.has(0)).toBe(false)
    for (const socket of [server, ...clients]) {
      socket.close()
    }
    const { sn0, sn1 } = await stopConserved(vnet)
    // The queue was never restarted: its waiting frames are dropped with the device.
    expect(sn0!.total).toMatchObject({ txPackets: sent, txErrors: 0 })
    expect(sn0!.drops.tx).toEqual({ DEV_STOPPED: sent - sn1!.total.rxPackets })
    expect(sn0!.drops.tx.DEV_STOPPED).toBeLessThan(FLOWS)
    expect(jsonLines(vnet.stdout).filter(({ level }) => level === 'warning')).toEqual([])
  })

  test('frames after a lockup are counted when the link goes down, and the queue works after the next up', async () => {
    const vnet = await start(
      '--lockup',
      '3',
      '--pool-size',
      '1',
      '--timeout',
      '600000',
      '-v',
      ...completion,
    )
    const opened = () =>
      jsonLines(vnet.stdout).filter(({ message }) => /: device opened$/.test(`${message}`)).length
    await pingWithoutLoss(netns, '-c 2 -i 0.5 198.18.0.2')
    // The third request arrives, and locks up both ends, so that the others wait.
    await netns.run('ping -q -c 4 -i 0.002 198.18.0.2')
    await expect.poll(() => snmp(netns)['Icmp.InEchos']).toBe(3)
    for (const state of ['down', 'up']) {
      for (const name of ['sn0', 'sn1']) {
        await netns.run(`ip link set ${name} ${state}`)
      }
    }
    await netns.run('ip route replace 198.18.0.0/24 dev sn0')
    // A device that is still down would drop the frames that were sent before it opens.
    await expect.poll(opened).toBe(4)
    await pingWithoutLoss(netns, '-c 2 -i 0.5 198.18.0.2')
    const { sn0 } = await stopConserved(vnet)
    expect(sn0!.drops.tx.DEV_STOPPED).toBe(3)
  })
})

test('the driver reads a parameter that vnet param has changed', async () => {
  const vnet = await start('--timeout', '50')
  expect(await vnetIn(netns, 'param', 'sn0', 'lockup=1')).toMatchObject({ status: 0, stderr: '' })
  await netns.run('ping -q -c 1 -W 1 198.18.0.2')
  await vnet.line(/NETDEV WATCHDOG: transmit queue 0 timed out/)
  await vnet.stop()
})
