/**
 * Compares the statistics of vnet and the kernel, to the frame, and drops by reason, on real TAPs.
 */
import { describe, expect, test } from 'vitest'
import type { DeviceStatistics } from '#src/cli/statistics.ts'
import { DRIVERS, driverSetup, type Setup } from '#support/driver-setups.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import { type ShownCounters, shownCounters } from '#support/shown-link.ts'
import { type End, tcpExchange, udpSocket } from '#support/sockets.ts'
import { BOTH_WAYS, type Running, startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20

const { near, far } = freshQuietNamespaces('near', 'far')

function difference(after: ShownCounters, before: ShownCounters): ShownCounters {
  const fields = Object.entries(after).map(([field, n]) => [
    field,
    n - before[field as keyof ShownCounters],
  ])
  return Object.fromEntries(fields)
}

/**
 * Some of every kind of traffic: TCP in both directions, small datagrams with replies, pings whole
 * and in fragments.
 */
async function traffic(client: End, server: End): Promise<void> {
  const { sent, received } = await tcpExchange(client, server, 2 * MIB)
  expect(received).toEqual(sent)
  const [a, b] = await Promise.all([
    udpSocket(client.netns, client.address, 0),
    udpSocket(server.netns, server.address, 7000),
  ])
  b.on('message', (message, { address, port }) => b.send(message, port, address))
  let answers = 0
  await new Promise<void>(resolve => {
    a.on('message', () => ++answers === 100 && resolve())
    for (let i = 0; i < 100; i++) {
      a.send(Buffer.alloc(i), 7000, server.reachedAt)
    }
  })
  a.close()
  b.close()
  for (const size of [0, 56, 8000]) {
    const { status } = await client.netns.run(`ping -c 1 -W 30 -s ${size} ${server.reachedAt}`)
    expect(status).toBe(0)
  }
}

/** Takes the links down, so that the counters are final, and returns the kernel's counters. */
async function atRest(vnet: Running, interfaces: Setup['interfaces']): Promise<ShownCounters[]> {
  for (const [netns, name] of interfaces) {
    netns.ip(`link set ${name} down`)
    await vnet.line(new RegExp(`"${name}: device closed"`))
  }
  return interfaces.map(([netns, name]) => shownCounters(netns, name))
}

function expectSame(ours: DeviceStatistics, kernels: ShownCounters): void {
  expect(ours.total).toMatchObject(kernels)
  expect(ours.kernel).toMatchObject(kernels)
}

describe.each(DRIVERS)('%s', driver => {
  test.each(BOTH_WAYS)(
    '%s vnet counts the same packets and bytes as the kernel',
    async (_, offload) => {
      const { args, client, server, interfaces } = driverSetup(driver, near, far)
      const vnet = await startVnet([...args, '--json', ...offload])
      await traffic(client, server)
      const kernels = await atRest(vnet, interfaces)
      const statistics = await stopConserved(vnet)
      for (const [i, [, name]] of interfaces.entries()) {
        expectSame(statistics[name]!, kernels[i]!)
        expect(kernels[i]!.txBytes).toBeGreaterThan(2 * MIB)
        // The kernel does not report what it dropped itself.
        expect(statistics[name]!.kernel).toMatchObject({ rxDropped: 0, rxErrors: 0, txErrors: 0 })
      }
    },
  )
})

test('statistics of a persistent interface count from the moment at which vnet attached to it', async () => {
  const { args, client, server, interfaces } = driverSetup('snull', near, far)
  const first = await startVnet([...args, '--json', '--persist'])
  await traffic(client, server)
  await stopConserved(first)
  const before = interfaces.map(([netns, name]) => shownCounters(netns, name))
  for (const { txPackets } of before) {
    expect(txPackets).toBeGreaterThan(0)
  }
  const second = await startVnet([...args, '--json', '--persist'])
  await traffic(client, server)
  const after = await atRest(second, interfaces)
  const statistics = await stopConserved(second)
  for (const [i, [, name]] of interfaces.entries()) {
    expectSame(statistics[name]!, difference(after[i]!, before[i]!))
  }
  const removed = [...args, '--delete']
  const { main } = await import('#src/cli/main.ts')
  expect(await main(removed, { out() {}, err() {}, onEnd: () => () => {} })).toBe(0)
})

test('frames that the kernel dropped from its full ring are shown apart from vnet’s own drops', async () => {
  const vnet = await startVnet(['cable', `${near.name}/left`, `${far.name}/right`, '--json'])
  const [{ txqlen, stats64: before }] = JSON.parse(near.ip('-s -j link show left'))
  expect(before.tx.dropped).toBe(0)
  using receiver = new PacketSocket(far, 'right')
  using sender = new PacketSocket(near, 'left')
  const last = ethernet(0x88b6, 46)
  // The driver, which is in this process, reads none of them in the meantime.
  for (let i = 0; i < txqlen + 200; i++) {
    sender.send(ethernet(0x88b5, 46))
  }
  await receiver.until(() => receiver.frames.length === txqlen)
  sender.send(last)
  await receiver.until(({ octets }) => octets[13] === 0xb6)
  const { left, right } = await stopConserved(vnet)
  expect(left!.kernel).toMatchObject({ txPackets: txqlen + 1, txDropped: 200 })
  expect(left!.total).toMatchObject({ txPackets: txqlen + 1, txDropped: 0 })
  expect(right!.total.rxPackets).toBe(txqlen + 1)
})

describe('drops', () => {
  const IPV4 = (protocol: number, ...addresses: number[]) => [
    0x45,
    0,
    0,
    40,
    0,
    7,
    0,
    0,
    64,
    protocol,
    0,
    0,
    ...addresses,
  ]
  const FROM_TO = [198, 18, 0, 1, 198, 18, 0, 2]
  const PAYLOAD = new Array<number>(20).fill(0)
  const ADDRESS6 = [0x20, 1, 0x0d, 0xb8, ...new Array<number>(11).fill(0), 1]
  const IPV6 = (next: number, ...payload: number[]) => {
    const length = payload.length
    return [0x60, 0, 0, 0, 0, length, next, 64, ...ADDRESS6, ...ADDRESS6, ...payload]
  }

  /** Frames that snull drops, and why. */
  const frames: [reason: string, what: string, frame: Uint8Array][] = [
    ['NEIGH', 'ARP', ethernet(0x0806, 46)],
    [
      'NEIGH',
      'neighbour solicitation',
      ethernet(0x86dd, IPV6(58, 135, 0, 0, 0, ...new Array<number>(20).fill(0))),
    ],
    ['UNHANDLED_PROTO', 'not IP', ethernet(0x88b5, 46)],
    ['UNHANDLED_PROTO', 'LLC', ethernet(38, 38)],
    ['IP_AUTH', 'AH over IPv4', ethernet(0x0800, [...IPV4(51, ...FROM_TO), ...PAYLOAD])],
    ['IP_AUTH', 'AH over IPv6', ethernet(0x86dd, IPV6(51, ...new Array<number>(24).fill(0)))],
    [
      'IP_SOURCE_ROUTE',
      'IPv6 routing header',
      ethernet(0x86dd, IPV6(43, 59, 2, 0, 1, ...new Array<number>(20).fill(0))),
    ],
    [
      'IP_NOT_TRANSLATABLE',
      'from 0.0.0.0',
      ethernet(0x0800, [...IPV4(17, 0, 0, 0, 0, 198, 18, 0, 2), ...PAYLOAD]),
    ],
    ['IP_INHDR', 'IPv4 longer than its frame', ethernet(0x0800, IPV4(17, ...FROM_TO))],
    [
      'L4_HDR',
      'UDP cut short',
      ethernet(0x0800, [0x45, 0, 0, 24, ...IPV4(17, ...FROM_TO).slice(4), 0, 0, 0, 0]),
    ],
  ]

  test.each(firstOf(1, BOTH_WAYS))(
    '%s every drop is counted with its reason, and nothing arrives',
    async (_, offload) => {
      const vnet = await startVnet([
        'snull',
        `${near.name}/sn0`,
        `${far.name}/sn1`,
        '--json',
        ...offload,
      ])
      using receiver = new PacketSocket(far, 'sn1')
      using sender = new PacketSocket(near, 'sn0')
      for (const [, , frame] of frames) {
        sender.send(frame)
      }
      // The last one passes.
      sender.send(ethernet(0x0800, [...IPV4(1, ...FROM_TO), ...PAYLOAD]))
      await receiver.until(({ octets }) => octets[23] === 1)
      expect(receiver.frames).toHaveLength(1)
      const { sn0, sn1 } = await stopConserved(vnet)
      const reasons: Record<string, number> = {}
      for (const [reason] of frames) {
        reasons[reason] = (reasons[reason] ?? 0) + 1
      }
      expect(sn0!.drops).toEqual({ tx: reasons, rx: {} })
      expect(sn0!.total).toMatchObject({
        txPackets: frames.length + 1,
        txDropped: frames.length,
        rxPackets: 0,
      })
      expect(sn1!.total.rxPackets).toBe(1)
    },
  )
})
