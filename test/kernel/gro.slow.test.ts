/**
 * `--gro` merges segments from an interface without offloads for one with offloads, and merges
 * nothing with a wrong checksum.
 */
import { expect, test } from 'vitest'
import {
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_UDP_L4,
} from '#src/linux/uapi.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { type End, udpSocket } from '#support/sockets.ts'
import { startStreams } from '#support/verified-streams.ts'
import { finalStatistics, startVnet, stopConserved } from '#support/vnet-process.ts'
import { address, buildFrame, type Packet, plain } from '../packet/frames.ts'

const MIB = 1 << 20
const FAR = '192.0.2.2'

const { near, far } = freshQuietNamespaces('near', 'far')

/** A cable with offloads at its right end only, and addresses at both. */
const args = (left: string, right: string) => [
  'cable',
  `${near.name}/left`,
  `${far.name}/right`,
  '--no-offload=left',
  '--gro',
  '--json',
  '--address',
  `left=${left}`,
  '--address',
  `right=${right}`,
  '--txqueuelen',
  '10000',
]

test.each(['IPv4', 'IPv6'])(
  'with GRO a stream of %s arrives as it was sent, in fewer frames, and all are counted',
  async family => {
    const isIpv6 = family === 'IPv6'
    const [a, b] = isIpv6 ? ['2001:db8::1', '2001:db8::2'] : ['192.0.2.1', '192.0.2.2']
    if (isIpv6) {
      for (const netns of [near, far]) {
        netns.exec(
          'sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0',
        )
      }
    }
    const prefix = isIpv6 ? 64 : 24
    const vnet = await startVnet(args(`${a}/${prefix}`, `${b}/${prefix}`))
    const end = (netns: Netns, at: string): End => ({ netns, address: at, reachedAt: at })
    const streams = await startStreams(end(near, a), end(far, b))
    await streams.more(16 * MIB)
    for (const { octets, wrong } of await streams.end()) {
      expect(wrong).toEqual([])
      expect(octets).toBeGreaterThan(16 * MIB)
    }
    const ended = await vnet.stop()
    expect(ended).toMatchObject({ status: 0, stderr: '' })
    const { left, right } = finalStatistics(ended)
    expect(right!.total.groMerged).toBeGreaterThan(left!.total.txPackets / 2)
    expect(left!.total.groMerged).toBe(0)
    const lost = [left!.drops.tx, right!.drops.rx].flatMap(Object.values)
    const received = right!.total.rxPackets + right!.total.groMerged
    expect(lost.reduce((sum, n) => sum + n, received)).toBe(left!.total.txPackets)
    for (const { total, kernel } of [left!, right!]) {
      for (const field of ['txPackets', 'txBytes', 'rxPackets', 'rxBytes'] as const) {
        expect([field, total[field]]).toEqual([field, kernel![field]])
      }
    }
  },
)

/** The frames of one burst from the left end to FAR, each with the right end's address. */
function burst(mac: string, packets: readonly Partial<Packet>[]): Uint8Array[] {
  const link = mac.split(':').map(octet => Number.parseInt(octet, 16))
  return packets.map((packet, identification) => {
    const ends = { source: address('192.0.2.1'), destination: address(FAR) }
    const frame = buildFrame({
      packet: { ...plain, ...ends, identification, ...packet },
      tags: [],
      padding: [],
    })
    frame.set(link)
    return frame
  })
}

/** A counter of the far end's /proc/net/snmp. */
function counterOf(protocol: string, name: string): number {
  const found = new RegExp(`^${protocol}: (.*)\\n${protocol}: (.*)$`, 'm').exec(
    far.exec('cat /proc/net/snmp'),
  )!
  return Number(found[2]!.split(' ')[found[1]!.split(' ').indexOf(name)])
}

test('GRO merges datagrams, and a socket receives each as it was sent', async () => {
  const vnet = await startVnet(args('192.0.2.1/24', `${FAR}/24`))
  // The port of buildFrame.
  const socket = await udpSocket(far, FAR, 53)
  const payloads = [1, 2, 3, 4, 5].map(i => new Array<number>(100).fill(i))
  const received: number[][] = []
  const all = new Promise<void>(resolve => {
    socket.on('message', octets => received.push([...octets]) === payloads.length && resolve())
  })
  using from = new PacketSocket(near, 'left')
  using at = new PacketSocket(far, 'right', { vnetHdr: true })
  const datagrams = payloads.map(payload => ({ kind: 'udp', checksum: 'full', payload }) as const)
  for (const frame of burst(vnet.interfaces()[1]!.mac, datagrams)) {
    from.send(frame)
  }
  await all
  expect(received).toEqual(payloads)
  socket.close()
  await at.until(({ octets }) => octets[23] === 17)
  const udp = at.frames.filter(({ octets }) => octets[23] === 17)
  expect(
    udp.map(({ octets, flags, gsoType, gsoSize }) => [octets.length, flags, gsoType, gsoSize]),
  ).toEqual([[42 + 500, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP_L4, 100]])
  const { right } = await stopConserved(vnet)
  expect(right!.total.groMerged).toBe(4)
})

test('GRO does not merge a corrupted segment, and the kernel drops it by its checksum', async () => {
  const vnet = await startVnet(args('192.0.2.1/24', '192.0.2.2/24'))
  const segments = burst(
    vnet.interfaces()[1]!.mac,
    [0, 1, 2, 3, 4].map(i => ({
      kind: 'tcp',
      sequence: 1000 * i,
      flags: 0x10,
      payload: new Array(1000).fill(i),
    })),
  )
  segments[2]![600]! ^= 1
  expect(counterOf('Tcp', 'InCsumErrors')).toBe(0)
  using from = new PacketSocket(near, 'left')
  using at = new PacketSocket(far, 'right', { vnetHdr: true })
  for (const segment of segments) {
    from.send(segment)
  }
  await at.until(({ octets }) => octets.length > 1000 && octets[54 + 1000] === 4)
  const tcp = at.frames.filter(({ octets }) => octets[23] === 6)
  expect(
    tcp.map(({ octets, flags, gsoType, gsoSize }) => [octets.length, flags, gsoType, gsoSize]),
  ).toEqual([
    [54 + 2000, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, 1000],
    [54 + 1000, 0, 0, 0],
    [54 + 2000, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, 1000],
  ])
  expect([...tcp[1]!.octets]).toEqual([...segments[2]!])
  expect(counterOf('Tcp', 'InCsumErrors')).toBe(1)
  const { right } = await stopConserved(vnet)
  expect(right!.total.groMerged).toBe(2)
})
