/** Wires of snull and of lan ports, which have the same options as cable. */
import { describe, expect, test } from 'vitest'
import type { DeviceStatistics } from '#src/cli/statistics.ts'
import { Dhclient } from '#support/dhclient.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { spawnLan } from '#support/lan-program.ts'
import { runMain } from '#support/run-main.ts'
import { firstOf } from '#support/scale.ts'
import { hasCarrier, untilShown } from '#support/shown-link.ts'
import { snmp } from '#support/snmp.ts'
import { tcpExchange } from '#support/sockets.ts'
import { farEnd, nearEnd, pingWithoutLoss } from '#support/traffic.ts'
import {
  BOTH_WAYS,
  finalStatistics,
  finalWires,
  jsonLines,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const MIB = 1 << 20

const { own, netns } = freshQuietNamespaces('netns')

/** The output of `vnet stats --json`. */
interface Shown {
  readonly interfaces: readonly DeviceStatistics[]
}

/** Runs ping(8). Returns the number of replies and the shortest round trip in ms. */
async function ping(options: string): Promise<{ received: number; shortest: number }> {
  const { stdout } = await netns.run(`ping -q ${options}`)
  const [, received, shortest] = /, (\d+) received.*= ([\d.]+)\//s.exec(stdout)?.map(Number) ?? []
  return { received: received ?? 0, shortest: shortest ?? Number.NaN }
}

describe('snull', () => {
  const start = (...args: string[]) =>
    startVnet(['snull', '--netns', netns.name, '--json', '--seed', '5', ...args])

  test('a ping through snull has its wire’s delay in both directions, and misses lost packets', async () => {
    const vnet = await start('--wire', 'delay 10ms loss 5%')
    const { shortest } = await ping('-c 200 -i 0.002 -W 1 198.18.0.2')
    expect(shortest).toBeGreaterThanOrEqual(20)
    // Replies after the end of ping count, too.
    const ends = [`${netns.name}/sn0`, `${netns.name}/sn1`]
    const dropped = async () => {
      const [{ interfaces }] = jsonLines(
        (await runMain('stats', ...ends, '--json')).stdout,
      ) as unknown as [Shown]
      return interfaces.reduce((sum, { drops }) => sum + (drops.tx.WIRE_LOSS ?? 0), 0)
    }
    await expect
      .poll(async () => (snmp(netns)['Icmp.InEchoReps'] ?? 0) + (await dropped()))
      .toBe(200)
    const { sn0, sn1 } = await stopConserved(vnet)
    const lost = [sn0, sn1].map(dev => dev!.drops.tx.WIRE_LOSS ?? 0)
    expect(Math.min(...lost)).toBeGreaterThan(0)
  })

  test('each direction of snull has a spec of its own: sn0 sends on ab', async () => {
    const vnet = await start('--wire-ab', 'delay 30ms', '--wire-ba', 'loss every 4')
    const { shortest } = await pingWithoutLoss(netns, '-c 20 -i 0.002 198.18.0.2', 15)
    expect(shortest).toBeGreaterThanOrEqual(30)
    const { sn0, sn1 } = await stopConserved(vnet)
    expect([sn0!.drops.tx.WIRE_LOSS ?? 0, sn1!.drops.tx.WIRE_LOSS]).toEqual([0, 5])
  })

  test.each(firstOf(1, BOTH_WAYS))(
    'TCP passes snull unchanged through loss, duplicates and corruption, %s',
    async (_, offload) => {
      const vnet = await start('--wire', 'loss 0.5% duplicate 1% corrupt 0.5%', ...offload)
      const { sent, received } = await tcpExchange(nearEnd(netns), farEnd(netns), MIB)
      expect(received).toEqual(sent)
      await stopConserved(vnet)
    },
  )
})

describe('a port of lan', () => {
  test('DHCP gets a lease over a delay of 10 ms, and a ping has the delay in both directions', async () => {
    const directory = testDirectory()
    const client = new Dhclient(netns, directory)
    try {
      const vnet = await spawnLan(netns, 'eth9', '--negotiation', '0', '--wire', 'delay 10ms')
      expect(await client.lease('eth9')).toMatch(/^198\.18\.0\.\d+$/)
      const { shortest } = await pingWithoutLoss(netns, '-c 5 -i 0.01 198.18.0.1')
      expect(shortest).toBeGreaterThanOrEqual(20)
      const ended = await vnet.stop()
      expect(ended).toMatchObject({ status: 0, stderr: '' })
      for (const stage of finalWires(ended)) {
        expect(stage.dropped).toBe(stage.drops.closed ?? 0)
        expect(stage.out).toBeGreaterThanOrEqual(7)
      }
    } finally {
      client.remove()
    }
  })

  test('ab of a port leads from the kernel to the segment, ba back, and each counts its losses', async () => {
    const wires = ['--wire-ab', 'delay 30ms', '--wire-ba', 'loss every 4']
    const vnet = await spawnLan(netns, 'eth9', '--negotiation', '0', '--network6', 'none', ...wires)
    await untilShown(own, netns, 'eth9', hasCarrier)
    netns.ip('addr add 198.18.0.50/24 dev eth9')
    const { received, shortest } = await ping('-c 20 -i 0.01 -W 1 198.18.0.1')
    expect(shortest).toBeGreaterThanOrEqual(30)
    const ended = await vnet.stop()
    expect(ended).toMatchObject({ status: 0, stderr: '' })
    const { eth9 } = finalStatistics(ended)
    const [delay, loss] = finalWires(ended)
    expect([delay!.stage, delay!.direction, loss!.stage, loss!.direction]).toEqual([
      'delay',
      'ab',
      'loss',
      'ba',
    ])
    expect(delay!.in).toBe(eth9!.total.txPackets)
    // ARP and the pings: every fourth packet is lost, which may be one of ARP.
    expect(loss!.dropped).toBe(Math.floor(loss!.in / 4))
    expect(received).toBeLessThan(20)
    expect(eth9!.drops.rx.WIRE_LOSS).toBe(loss!.dropped)
  })
})
