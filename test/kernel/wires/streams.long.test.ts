/**
 * TCP and UDP of real sockets through the stages of a wire: the bytes of a stream arrive intact,
 * the wire's counters match the kernels', and every lost frame is counted.
 */
import { describe, expect, test } from 'vitest'
import type { DeviceStatistics } from '#src/cli/statistics.ts'
import { VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6 } from '#src/linux/uapi.ts'
import { countOf, type Decision, DecisionsFile } from '#support/decisions.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { snmp } from '#support/snmp.ts'
import type { End } from '#support/sockets.ts'
import { openDatagrams, startStreams } from '#support/verified-streams.ts'
import { startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20
const SEED = ['--seed', '14']
/** Frames in a TAP are not charged to the sending sockets. */
const ROOM = ['--txqueuelen', '10000']

const { near, far, directory } = freshQuietNamespaces('near', 'far')
const log = new DecisionsFile(directory)

type Family = 'IPv4' | 'IPv6'

type Way = readonly [name: string, family: Family, args: readonly string[]]
/** Where offloads are on, as options of the program. */
const OFFLOADS: readonly Way[] = [
  ['offloads', 'IPv4', []],
  ['no offloads', 'IPv6', ['--no-offload']],
  ['no offloads at the first end', 'IPv4', ['--no-offload=left']],
  ['no offloads at the second end', 'IPv6', ['--no-offload=right']],
]

/** Starts a cable with a wire, and returns it and its two ends. */
async function start(family: Family, words: string, ...args: readonly string[]) {
  const [a, b, prefix] =
    family === 'IPv4' ? ['192.0.2.1', '192.0.2.2', 24] : ['2001:db8::1', '2001:db8::2', 64]
  if (family === 'IPv6') {
    for (const netns of [near, far]) {
      netns.exec('sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0')
    }
  }
  const vnet = await startVnet([
    'cable',
    `${near.name}/left`,
    `${far.name}/right`,
    '--json',
    '--wire',
    words,
    '--log',
    log.path,
    '--address',
    `left=${a}/${prefix}`,
    '--address',
    `right=${b}/${prefix}`,
    ...SEED,
    ...ROOM,
    ...args,
  ])
  const end = (netns: Netns, address: string): End => ({ netns, address, reachedAt: address })
  return { vnet, client: end(near, a), server: end(far, b) }
}

interface Outcome {
  readonly left: DeviceStatistics
  readonly right: DeviceStatistics
  readonly decisions: readonly Decision[]
  /** True if the receiver was given a GSO frame. */
  readonly merged: readonly [left: boolean, right: boolean]
}

/** Transfers `octets` verified bytes in each direction through a wire, and returns the counters. */
async function transfer(
  family: Family,
  words: string,
  args: readonly string[],
  octets: number,
): Promise<Outcome> {
  const { vnet, client, server } = await start(family, words, ...args)
  using atLeft = new PacketSocket(near, 'left', { vnetHdr: true })
  using atRight = new PacketSocket(far, 'right', { vnetHdr: true })
  const streams = await startStreams(client, server)
  await streams.more(octets)
  for (const end of await streams.end()) {
    expect(end.wrong).toEqual([])
    expect(end.octets).toBeGreaterThanOrEqual(octets)
  }
  const { left, right } = await stopConserved(vnet)
  const merged = [atLeft, atRight].map(socket => {
    socket.close()
    return socket.frames.some(({ gsoType }) =>
      [VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6].includes(gsoType),
    )
  })
  return { left: left!, right: right!, decisions: log.read(), merged: merged as [boolean, boolean] }
}

/** The frames that left the wires match the frames that the kernels received. */
function expectCounted({ left, right, decisions }: Outcome): void {
  for (const [direction, to] of [
    ['ab', right],
    ['ba', left],
  ] as const) {
    const of = (verdict: string) => countOf(decisions, verdict, direction)
    const refused = Object.values(to.drops.rx).reduce((sum, n) => sum + n, 0)
    expect(to.total.rxPackets + to.total.groMerged + refused).toBe(
      of('arrive') + of('duplicate') - of('drop'),
    )
  }
}

/** Tests whether the receiver has offloads: it then gets what was cut merged again. */
function expectMerged({ left, right, merged }: Outcome, args: readonly string[]): void {
  for (const [i, { name, total }] of [left, right].entries()) {
    const has = !args.some(arg => arg === '--no-offload' || arg === `--no-offload=${name}`)
    expect([name, merged[i], total.groMerged > 0]).toEqual([name, has, has])
  }
}

const lostOf = ({ drops }: DeviceStatistics) => drops.tx.WIRE_LOSS ?? 0

describe.each(OFFLOADS)('with %s, %s', (_, family, args) => {
  test('a stream arrives intact through `loss 0.1%`, merged again, and each lost packet is counted', async () => {
    const outcome = await transfer(family, 'loss 0.1%', args, 4 * MIB)
    const { left, right, decisions } = outcome
    for (const [direction, from] of [
      ['ab', left],
      ['ba', right],
    ] as const) {
      expect(lostOf(from)).toBe(countOf(decisions, 'drop', direction))
      expect(lostOf(from)).toBeGreaterThan(0)
    }
    expectMerged(outcome, args)
    expectCounted(outcome)
  })

  test('the receiver finds each packet of a stream that `corrupt` has changed, by its checksum', async () => {
    // A byte of the TCP header or after it. Neighbour discovery has checksums of its own.
    const outcome = await transfer(family, "match 'tcp' ( corrupt 0.5% at 60 )", args, 2 * MIB)
    const corrupted = countOf(outcome.decisions, 'corrupt')
    expect(corrupted).toBeGreaterThan(0)
    const wrong = [near, far].map(netns => snmp(netns)['Tcp.InCsumErrors'] ?? 0)
    expect(wrong[0]! + wrong[1]!).toBe(corrupted)
    expectMerged(outcome, args)
    expectCounted(outcome)
  })

  test('a stream arrives intact whatever bit of a packet `corrupt` flips', async () => {
    const outcome = await transfer(family, 'corrupt 0.5%', args, 2 * MIB)
    expect(countOf(outcome.decisions, 'corrupt')).toBeGreaterThan(0)
    expect(snmp(far)['Tcp.InCsumErrors']).toBeGreaterThan(0)
    expectCounted(outcome)
  })

  test('a stream arrives intact, once, through `duplicate 5%`', async () => {
    const outcome = await transfer(family, 'duplicate 5%', args, 2 * MIB)
    const { left, decisions } = outcome
    const duplicates = countOf(decisions, 'duplicate', 'ab')
    expect(duplicates).toBeGreaterThan(0)
    expect(left.total.made).toBeGreaterThanOrEqual(duplicates)
    expect(snmp(near)['TcpExt.TCPDSACKRecv']).toBeGreaterThan(0)
    expectMerged(outcome, args)
    expectCounted(outcome)
  })

  test('a stream arrives intact and in order through `delay 5ms 2ms reorder 5%`', async () => {
    const outcome = await transfer(family, 'delay 5ms 2ms reorder 5% limit 10000', args, 2 * MIB)
    expect(countOf(outcome.decisions, 'reorder', 'ab')).toBeGreaterThan(0)
    expect(snmp(far)['TcpExt.TCPOFOQueue']).toBeGreaterThan(0)
    expectMerged(outcome, args)
    expectCounted(outcome)
  })

  test('a stream arrives intact although some of its packets are truncated', async () => {
    const outcome = await transfer(family, 'truncate 100 0.5%', args, 2 * MIB)
    expect(countOf(outcome.decisions, 'corrupt', 'ab')).toBeGreaterThan(0)
    expectMerged(outcome, args)
    expectCounted(outcome)
  })

  test('`rate 50mbit` slows a stream down to its rate, and drops packets beyond its queue', async () => {
    const outcome = await transfer(family, 'rate 50mbit limit 100', args, MIB)
    const { left, decisions } = outcome
    const arrivals = decisions.filter(
      ({ verdict, direction }) => verdict === 'arrive' && direction === 'ab',
    )
    const seconds = ((arrivals.at(-1)?.t ?? 0) - (arrivals[0]?.t ?? 0)) / 1e9
    // Without the last 100 packets, which may be in the queue.
    expect(seconds).toBeGreaterThan((8 * (MIB - 100 * 1500)) / 50e6)
    const dropped = decisions.filter(({ why, direction }) => why === 'limit' && direction === 'ab')
    expect(dropped).toHaveLength(left.drops.tx.QDISC_OVERLIMIT ?? 0)
    expectMerged(outcome, args)
    expectCounted(outcome)
  })

  test('datagrams of UDP_SEGMENT arrive unchanged through a wire that cuts them', async () => {
    const { vnet, client, server } = await start(family, 'rate 1gbit', ...args)
    const datagrams = await openDatagrams(client, server)
    for (const [octets, segment] of [
      [40_000, 1400],
      [40_001, 1000],
      [60_000, 1200],
    ] as const) {
      const count = Math.ceil(octets / segment)
      const each = { datagrams: count, longest: segment, same: true }
      expect(await datagrams.exchange(octets, segment)).toEqual([each, each])
    }
    datagrams.close()
    const { left, right } = await stopConserved(vnet)
    expect([lostOf(left!), lostOf(right!)]).toEqual([0, 0])
  })
})
