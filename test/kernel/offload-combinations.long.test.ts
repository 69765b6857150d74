/**
 * Offloads that differ at the two ends, change during traffic, or were set by another program: what
 * is sent arrives unchanged, with right checksums once partial ones are completed, and no frame is
 * lost uncounted.
 */
import { describe, expect, test } from 'vitest'
import { check } from '#src/linux/errno.ts'
import {
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  IFF_VNET_HDR,
  ifreq,
  int32,
  O_RDWR,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUNSETIFF,
  TUNSETOFFLOAD,
  TUNSETPERSIST,
  TUNSETVNETHDRSZ,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_UDP_L4,
} from '#src/linux/uapi.ts'
import { captureLines } from '#support/capture.ts'
import { verifyAll } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import {
  ALL_ON,
  type Combination,
  type Offloads,
  pairwise,
  type Sending,
  sendingOffloads,
  setOffloads,
  txAndTso,
} from '#support/offloads.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { type End, tcpExchange } from '#support/sockets.ts'
import { farEnd, nearEnd } from '#support/traffic.ts'
import { type Datagrams, openDatagrams, startStreams } from '#support/verified-streams.ts'
import { BOTH_WAYS, finalStatistics, startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20
/** The segment size of datagrams that the interface segments. */
const SEGMENT = 1400
/**
 * Frames in a TAP are not charged to the sending sockets: its queue must hold all that TCP has in
 * flight.
 */
const ROOM = ['--txqueuelen', '10000']
const ALL_OFF: Offloads = {
  tx: false,
  tso: false,
  gso: false,
  gro: false,
  'tx-udp-segmentation': false,
}
const NOTHING: Sending = { csum: false, tso: false, uso: false }

const { own, near, far } = freshQuietNamespaces('near', 'far')
let client: End
let server: End

type Driver = 'cable' | 'snull'

const CABLE_ADDRESSES = ['--address', '192.0.2.1/24', '--address', '192.0.2.2/24']

/** `left` in one namespace, `right` in the other, and the two ends of the traffic. */
function args(driver: Driver, ...more: readonly string[]): string[] {
  client =
    driver === 'cable'
      ? { netns: near, address: '192.0.2.1', reachedAt: '192.0.2.1' }
      : nearEnd(near)
  server =
    driver === 'cable' ? { netns: far, address: '192.0.2.2', reachedAt: '192.0.2.2' } : farEnd(far)
  const addresses = driver === 'cable' ? CABLE_ADDRESSES : []
  return [
    driver,
    `${near.name}/left`,
    `${far.name}/right`,
    ...addresses,
    ...ROOM,
    '--json',
    ...more,
  ]
}

async function change([left, right]: Combination): Promise<void> {
  await Promise.all([setOffloads(near, 'left', left), setOffloads(far, 'right', right)])
}

const sending = () => Promise.all([sendingOffloads(near, 'left'), sendingOffloads(far, 'right')])

/**
 * Compares the counters of both kernels' sides with an idle driver in this process: all that one
 * side sent the other received.
 */
function expectCountersConserved(): void {
  const [left, right] = [near.ip('-s -j link show left'), far.ip('-s -j link show right')].map(
    text => JSON.parse(text)[0].stats64,
  )
  for (const [from, to] of [
    [left, right],
    [right, left],
  ]) {
    expect(to.rx.packets).toBe(from.tx.packets)
    // A reset, which a kernel may send when a connection is closed, has 54 bytes; snull pads it to
    // 60.
    expect([0, 6, 12, 18]).toContain(to.rx.bytes - from.tx.bytes)
    expect([from.tx.dropped, to.rx.dropped, to.rx.errors]).toEqual([0, 0, 0])
  }
}

/**
 * Messages whole, in IP fragments, and split by UDP_SEGMENT with and without a shorter last one. No
 * frame needs padding.
 */
async function expectDatagrams(datagrams: Datagrams): Promise<void> {
  for (const [octets, segment] of [
    [19, 0],
    [1433, 0],
    [9001, 0],
    [SEGMENT, SEGMENT],
    [3 * SEGMENT + 19, SEGMENT],
    [45 * SEGMENT, SEGMENT],
  ] as const) {
    const each = {
      datagrams: segment === 0 ? 1 : Math.ceil(octets / segment),
      longest: segment === 0 ? octets : SEGMENT,
      same: true,
    }
    expect(await datagrams.exchange(octets, segment)).toEqual([each, each])
  }
}

/** Sends every kind of traffic between the two ends, over new connections. */
async function transfer(octets: number): Promise<void> {
  const { sent, received } = await tcpExchange(client, server, octets)
  expect(received).toEqual(sent)
  const datagrams = await openDatagrams(client, server)
  await expectDatagrams(datagrams)
  datagrams.close()
}

/**
 * Like that, and verifies that all frames arrive as the other end sent them, with right checksums.
 */
async function verifiedTransfer(
  octets: number,
  [left, right]: readonly [Sending, Sending],
): Promise<void> {
  using atLeft = new PacketSocket(near, 'left', { vnetHdr: true })
  using atRight = new PacketSocket(far, 'right', { vnetHdr: true })
  await transfer(octets)
  for (const [socket, from] of [
    [atRight, left],
    [atLeft, right],
  ] as const) {
    socket.close()
    const { frames } = socket
    const { problems, incomplete, verified } = verifyAll(frames)
    expect([problems, incomplete]).toEqual([[], 0])
    expect(Object.keys(verified)).toEqual(expect.arrayContaining(['6', '17']))
    const has = (gso: number) => frames.some(({ gsoType }) => gsoType === gso)
    const found: Sending = {
      csum: frames.some(({ flags }) => (flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0),
      tso: has(VIRTIO_NET_HDR_GSO_TCPV4),
      uso: has(VIRTIO_NET_HDR_GSO_UDP_L4),
    }
    expect(found).toEqual(from)
  }
}

/** With --no-offload, those that differ in tx and tso alone are the same. */
const combinations = (options: readonly string[]): Combination[] => [
  ...(options.length === 0 ? txAndTso() : []),
  ...pairwise(),
]

describe.each(['cable', 'snull'] as const)('%s', driver => {
  describe.each(BOTH_WAYS)('%s', (_, offload) => {
    test('a stream and datagrams arrive as they were sent while both ends change their offloads', async () => {
      const vnet = await startVnet(args(driver, ...offload))
      const streams = await startStreams(client, server)
      const datagrams = await openDatagrams(client, server)
      const tried = [...combinations(offload), [ALL_ON, ALL_ON] as const]
      for (const combination of tried) {
        await change(combination)
        await Promise.all([streams.more(MIB / 2), expectDatagrams(datagrams)])
        expectCountersConserved()
      }
      datagrams.close()
      for (const { octets, wrong } of await streams.end()) {
        expect(wrong).toEqual([])
        expect(octets).toBeGreaterThanOrEqual((tried.length * MIB) / 2)
      }
      expectCountersConserved()
      await stopConserved(vnet)
    })

    test('new connections transfer the right bytes and checksums in every combination of offloads', async () => {
      const vnet = await startVnet(args(driver, ...offload))
      const seen = new Set<string>()
      for (const combination of combinations(offload)) {
        await change(combination)
        const now = await sending()
        for (const [i, { tx, tso }] of combination.entries()) {
          const possible = tx && offload.length === 0
          expect(now[i]).toMatchObject({ csum: possible, tso: possible && tso })
        }
        seen.add(JSON.stringify(now))
        await verifiedTransfer(MIB / 8, now)
        expectCountersConserved()
      }
      // No offload, checksums, segmentation: at either end, and with UDP segmentation off.
      expect(seen.size).toBeGreaterThanOrEqual(offload.length === 0 ? 9 : 1)
      await stopConserved(vnet)
    })
  })

  test('a persistent interface of an earlier run gets the offloads of this run, and traffic arrives', async () => {
    // The offloads of the earlier program and of its kernel, at either end; then the offloads of
    // this run.
    for (const [before, changed, offload] of [
      [[], [ALL_OFF, ALL_ON], []],
      [[], [ALL_ON, ALL_OFF], ['--no-offload']],
      [['--no-offload'], [ALL_ON, ALL_OFF], []],
      [['--no-offload'], [ALL_OFF, ALL_OFF], ['--no-offload']],
    ] as const) {
      const first = await startVnet(args(driver, '--persist', ...before))
      await change(changed)
      await transfer(MIB / 8)
      await stopConserved(first)
      const second = await startVnet(args(driver, ...offload))
      const now = await sending()
      const { csum, tso } = { csum: offload.length === 0, tso: offload.length === 0 }
      expect(now).toMatchObject([
        { csum, tso },
        { csum, tso },
      ])
      await verifiedTransfer(MIB, now)
      await stopConserved(second)
    }
  })

  test.each(BOTH_WAYS)(
    'an interface that another program made with its own header and offloads works, %s',
    async (_, offload) => {
      for (const [netns, name] of [
        [near, 'left'],
        [far, 'right'],
      ] as const) {
        const fd = own.own(own.native.open('/dev/net/tun', O_RDWR, netns.fd))
        const ioctl = (request: number, value: Uint8Array | number) =>
          check(own.native.ioctl(fd, request, value), name)
        ioctl(TUNSETIFF, ifreq(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE))
        ioctl(TUNSETVNETHDRSZ, int32(name === 'left' ? 12 : 20))
        ioctl(TUNSETOFFLOAD, name === 'left' ? TUN_F_CSUM : TUN_F_CSUM | TUN_F_TSO4)
        ioctl(TUNSETPERSIST, 1)
        own.close(fd)
      }
      const vnet = await startVnet(args(driver, ...offload))
      const now = await sending()
      expect(now).toMatchObject(
        offload.length === 0 ? [{ tso: true }, { tso: true }] : [NOTHING, NOTHING],
      )
      await verifiedTransfer(4 * MIB, now)
      expectCountersConserved()
      await stopConserved(vnet)
    },
  )

  test.each([
    ['on', ALL_ON, []],
    ['off by ethtool', ALL_OFF, []],
    ['off by --no-offload', ALL_ON, ['--no-offload']],
  ])(
    'with offloads %s, tcpdump finds no wrong checksum in received packets but partial ones',
    async (_, offloads, offload) => {
      const vnet = await startVnet(args(driver, ...offload))
      await change([offloads, offloads])
      const options = '-Q in -s 2048 -vv ip'
      const dumps = await Promise.all([
        captureLines(near, 'left', options),
        captureLines(far, 'right', options),
      ])
      await transfer(MIB / 8)
      // A tcpdump that is stopped while it prints reports lost frames, so this frame is the last
      // one.
      await near.run(`ping -c 1 -s 333 ${server.reachedAt}`)
      for (const dump of dumps) {
        await dump.until(line => /ICMP echo re(quest|ply), .* length 341/.test(line))
        const lines = await dump.stop()
        const count = (pattern: RegExp) => lines.filter(line => pattern.test(line)).length
        expect(count(/wrong/)).toBe(0)
        if (offloads.tx && offload.length === 0) {
          expect(count(/incorrect/)).toBeGreaterThan(0)
          continue
        }
        expect(count(/\bbad\b|incorrect/)).toBe(0)
        expect(count(/cksum 0x[0-9a-f]+ \(correct\)/)).toBeGreaterThan(0)
        expect(count(/\[udp sum ok\]/)).toBeGreaterThan(0)
      }
      expectCountersConserved()
      await stopConserved(vnet)
    },
  )
})

describe('a cable with offloads at one end only', () => {
  test.each([
    ['IPv4', 0],
    ['IPv4', 1],
    ['IPv6', 0],
    ['IPv6', 1],
  ])(
    'a cable without offloads at one end carries a stream and datagrams of %s while the other changes them (%i)',
    async (family, without) => {
      const line = args('cable', `--no-offload=${without === 0 ? 'left' : 'right'}`)
      if (family === 'IPv6') {
        for (const netns of [near, far]) {
          netns.exec(
            'sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0',
          )
        }
        client = { netns: near, address: '2001:db8::1', reachedAt: '2001:db8::1' }
        server = { netns: far, address: '2001:db8::2', reachedAt: '2001:db8::2' }
        line.push('--address', 'left=2001:db8::1/64', '--address', 'right=2001:db8::2/64')
      }
      const vnet = await startVnet(line)
      const streams = await startStreams(client, server)
      const datagrams = await openDatagrams(client, server)
      for (const combination of [...txAndTso(), ...pairwise()].filter(
        both => both[without]?.tx && both[without].tso,
      )) {
        await change(combination)
        const now = await sending()
        expect(now[without]).toEqual(NOTHING)
        await Promise.all([streams.more(MIB / 2), expectDatagrams(datagrams)])
      }
      datagrams.close()
      for (const { octets, wrong } of await streams.end()) {
        expect(wrong).toEqual([])
        expect(octets).toBeGreaterThan(4 * MIB)
      }
      await change([ALL_ON, ALL_ON])
      // One end receives frames segmented and whole, the other what that end sends: both without
      // offloads.
      await verifiedTransfer(4 * MIB, [NOTHING, NOTHING])
      const ended = await vnet.stop()
      expect(ended).toMatchObject({ status: 0, stderr: '' })
      const { left, right } = finalStatistics(ended)
      const [cut, whole] = without === 0 ? [left!, right!] : [right!, left!]
      const lost = [cut.drops.tx, whole.drops.rx].flatMap(Object.values)
      expect(lost.reduce((sum, n) => sum + n, whole.total.rxPackets)).toBe(cut.total.txPackets)
      // A segmented frame is counted once as transmitted, and by its segments as received.
      expect(cut.total.rxPackets).toBeGreaterThan(whole.total.txPackets)
      for (const { total, kernel } of [cut, whole]) {
        for (const field of ['txPackets', 'txBytes', 'rxPackets', 'rxBytes'] as const) {
          expect([field, total[field]]).toEqual([field, kernel![field]])
        }
      }
    },
  )
})
