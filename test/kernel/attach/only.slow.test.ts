/** Attachments with a filter: which frames pass the wire, and which never leave the kernel. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { compileFilter } from '#src/linux/pcap-filter.ts'
import { SKB_DROP_REASON_CUT } from '#src/skb/drop-reason.ts'
import { type AttachOptions, attach, type Cable, fault, loss, match } from '#src/wire.ts'
import { expectConserved, makeVeth, NEVER_OPEN } from '#support/attach.ts'
import { countFrames } from '#support/bpf.ts'
import { tagged } from '#support/frame-kinds.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { fuzzFrames } from '#support/fuzz-frames.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { SEED, scaled } from '#support/scale.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { startStreams } from '#support/verified-streams.ts'

const { own, near, far } = freshQuietNamespaces('near', 'far')
let link: Cable | undefined
let lines: string[]

beforeEach(() => {
  link = undefined
  lines = []
  makeVeth(near, far)
})
afterEach(() => link?.close())

async function join(options: AttachOptions): Promise<Cable> {
  link = await attach('inner', {
    netns: near.name,
    seed: 7,
    log: line => lines.push(line),
    ...NEVER_OPEN,
    ...options,
  })
  return link
}

const passed = ({ ab }: Cable) => [ab.only?.passed('in'), ab.only?.passed('out')]
const entered = ({ ab, ba }: Cable) => [ab, ba].map(wire => wire.report()[0]?.in ?? 0)

const A = ethernet(0x88b5, 46)
const B = ethernet(0x88b6, 46)
const ONLY_A = 'ether proto 0x88b5'

test('frames of the filter pass the wire in both directions, and others are counted in the kernel', async () => {
  const link = await join({ only: ONLY_A, in: 'loss every 2', out: 'loss every 2' })
  const count = countFrames(own, near, 'inner', 'tcx ingress, last')
  using inside = new PacketSocket(near, 'inner')
  using outside = new PacketSocket(far, 'outer')
  for (let i = 0; i < 10; i++) {
    inside.send(A)
    outside.send(A)
    outside.send(B)
  }
  inside.send(B)
  await expect
    .poll(() => [entered(link), passed(link)])
    .toEqual([
      [10, 10],
      [10, 1],
    ])
  // A later program sees the frames that pass in the kernel, and the frames from the wire.
  await expect.poll(count).toBe(15)
  const arrived = () => outside.frames.map(({ octets }) => octets[13])
  await expect.poll(() => arrived().length).toBe(6)
  expect(arrived().filter(type => type === 0xb6)).toHaveLength(1)
  expectConserved(link)
})

/** Random frames, some with VLAN tags: a single one, two, and one of priority alone. */
function fuzzedFrames(count: number): Uint8Array[] {
  const chance = random(SEED)
  const next = fuzzFrames(chance, 1400)
  const tags = [[], [], [0x81, 0, 0x20, 5], [0x88, 0xa8, 0, 7, 0x81, 0, 0, 5], [0x81, 0, 0xe0, 0]]
  return Array.from({ length: count }, () => {
    const { bytes } = next()
    const frame = Uint8Array.from({ length: Math.max(bytes.length, 60) }, (_, i) => bytes[i] ?? 0)
    // No program of this machine replies to them.
    frame.set([2, 0, 0, 0, 0x99, 1, 2, 0, 0, 0, 0x99, 2])
    return Uint8Array.of(
      ...frame.subarray(0, 12),
      ...(tags[chance.below(tags.length)] ?? []),
      ...frame.subarray(12),
    )
  })
}

test.each([
  'vlan 5',
  'vlan and vlan 5',
  'not vlan',
  'tcp or (vlan and tcp)',
  'vlan 5 and udp',
  'ether[12:2] = 0x8100 and ether[14:2] & 0xfff = 5',
  'ether[10:4] & 0xffff = 0x88a8 or ether[14:4] > 0x60000000',
  'ether[ether[14] & 31] > 100',
  'ether[(ether[20] & 7) + 9:4] & 1 = 1',
  'ip6 or ip[6:2] & 0x1fff != 0',
  'len > 200',
])(
  "the kernel's verdict for '%s' is that of libpcap for the frame as a TAP shows it",
  async text => {
    const filter = compileFilter(text, undefined, 0)
    const frames = fuzzedFrames(300)
    const expected = frames.filter(frame => filter(frame, 0, frame.length)).length
    expect([0, frames.length]).not.toContain(expected)
    const link = await join({ only: text, in: 'loss 100%', out: 'loss 100%' })
    using inside = new PacketSocket(near, 'inner')
    using outside = new PacketSocket(far, 'outer')
    for (const frame of frames) {
      inside.send(frame)
      outside.send(frame)
    }
    await expect
      .poll(() => [entered(link), passed(link)])
      .toEqual([
        [expected, expected],
        [frames.length - expected, frames.length - expected],
      ])
  },
)

test('a GSO frame of another port passes in the kernel as one, and one of the port passes the wire', async () => {
  const link = await join({ only: 'tcp port 9999', in: 'loss 0%', out: 'loss 0%' })
  const end = (netns: Netns, address: string) => ({ netns, address, reachedAt: address })
  const stream = async (port: number) => {
    const streams = await startStreams(end(near, '192.0.2.1'), end(far, '192.0.2.2'), port)
    await streams.more(3_000_000)
    for (const { wrong } of await streams.end()) {
      expect(wrong).toEqual([])
    }
  }
  await stream(8888)
  expect(entered(link)).toEqual([0, 0])
  // 3 MB each way in frames of an MTU would be 2,000, and as many acknowledgements.
  expect(passed(link)[1]).toBeLessThan(2000)
  await stream(9999)
  expect(entered(link)[1]).toBeGreaterThan(0)
})

describe('a wire of matches', () => {
  test('their filters decide, and follow each change of the wire', async () => {
    const link = await join({ in: `match '${ONLY_A}' ( loss 100% )` })
    // A direction without stages may touch no frame.
    expect(link.ab.only?.text).toBe(ONLY_A)
    link.ba.change("match 'arp' ( delay 1ms ) match 'arp' ( loss 0% )", {
      filter: compileFilter,
      file: () => '',
    })
    expect(link.ba.only?.text).toBe(`(${ONLY_A}) or (arp)`)
    using outside = new PacketSocket(far, 'outer')
    outside.send(A)
    outside.send(B)
    await pingWithoutLoss(far, '-c 1 192.0.2.1')
    await expect.poll(() => entered(link)[0]).toBeGreaterThan(1)
    expect(passed(link)[0]).toBeGreaterThan(1)
    link.ab.set([loss(0)])
    expect(link.ab.only?.text).toBe('')
    const before = passed(link)
    await pingWithoutLoss(far, '-c 1 192.0.2.1')
    expect(passed(link)).toEqual(before)
  })

  test('a cut drops all frames, until the cable is plugged in', async () => {
    const link = await join({ in: `match '${ONLY_A}' ( loss 0% )` })
    using inside = new PacketSocket(near, 'inner')
    using outside = new PacketSocket(far, 'outer')
    const count = countFrames(own, near, 'inner', 'tcx ingress, last')
    link.down()
    expect(link.ab.only?.text).toBe('')
    outside.send(B)
    await expect.poll(() => inside.frames.length).toBe(1)
    await expect.poll(() => link.b.counters.drops().rx[SKB_DROP_REASON_CUT]).toBe(1)
    expect(count()).toBe(0)
    link.up()
    expect(link.ab.only?.text).toBe(ONLY_A)
    outside.send(B)
    await expect.poll(count).toBe(1)
  })

  test.each([
    ['none', ''],
    ['else', `match '${ONLY_A}' ( loss 1% ) else ( delay 1ms )`],
    ['another stage', `match '${ONLY_A}' ( loss 1% ) delay 1ms`],
    ['a match without a filter', 'match syn ( loss 1% )'],
  ])('all frames pass the wire with %s', async (_, text) => {
    expect((await join({ in: text })).ab.only?.text).toBe('')
  })

  test('a filter that is a function of the program, or an empty one, keeps all frames', async () => {
    const link = await join({ in: [match(() => true, [loss(0)])] })
    expect(link.ab.only?.text).toBe('')
    link.ab.only?.change(compileFilter(ONLY_A))
    expect(link.ab.only?.text).toBe(ONLY_A)
    link.ab.only?.change(compileFilter(''))
    link.ab.change(`match '${ONLY_A}' ( loss 100% )`, { filter: compileFilter, file: () => '' })
    expect(link.ab.only?.text).toBe('')
    link.ab.only?.change(undefined)
    expect(link.ab.only?.text).toBe(ONLY_A)
  })
})

/** A wire of `count` filters, each with a long program. */
const deep = (count: number) =>
  Array.from(
    { length: count },
    (_, n) => `match '${'ip['.repeat(30)}${n}${':4]'.repeat(30)} = 1' ( loss 0% )`,
  ).join(' ')

test('all frames pass a wire whose filters are too long for the kernel, from the start or after a change', async () => {
  const resources = { filter: compileFilter, file: () => '' }
  const link = await join({ in: deep(20) })
  expect(link.ab.only?.text).toBe('')
  link.ab.change(`match '${ONLY_A}' ( loss 0% )`, resources)
  expect(link.ab.only?.text).toBe(ONLY_A)
  link.ab.change(deep(20), resources)
  expect(link.ab.only?.text).toBe('')
  using outside = new PacketSocket(far, 'outer')
  outside.send(B)
  await expect.poll(() => entered(link)[0]).toBe(1)
})

test('a filter that is given again is compiled again, because its names may have other addresses', async () => {
  const link = await join({ only: ONLY_A, in: 'loss 0%' })
  const { program } = compileFilter('ether proto 0x88b6')
  link.ab.only?.change(Object.assign(() => true, { text: ONLY_A, program }))
  using outside = new PacketSocket(far, 'outer')
  outside.send(B)
  await expect.poll(() => entered(link)[0]).toBe(1)
})

const IP6 = [0x60, 0, 0, 0, 0, 8, 59, 64, ...new Array(40).fill(0x20)]
const FRAGMENT = [
  0x45,
  0,
  0,
  44,
  0,
  7,
  0x20,
  3,
  64,
  17,
  0,
  0,
  198,
  18,
  0,
  9,
  198,
  18,
  0,
  8,
  ...new Array(24).fill(1),
]

test.each([
  ['an EtherType', ONLY_A, A],
  ['IPv6', 'ip6', ethernet(0x86dd, IP6)],
  ['a fragment', 'ip[6:2] & 0x3fff != 0', ethernet(0x0800, FRAGMENT)],
  ['a VLAN', 'vlan 5', tagged(ethernet(0x86dd, IP6), [0x8100, 5])],
  [
    'a VLAN in a VLAN',
    'vlan 7 and vlan 5',
    tagged(ethernet(0x0800, FRAGMENT), [0x88a8, 7], [0x8100, 5]),
  ],
])(
  'drop nth 1 hits the same packet of %s in every run, in both directions',
  async (_, filter, frame) => {
    const link = await join({})
    const only = compileFilter(filter)
    using inside = new PacketSocket(near, 'inner')
    using outside = new PacketSocket(far, 'outer')
    const numbered = [1, 2, 3].map(n => Uint8Array.of(...frame.subarray(0, -1), n))
    const drop = () => [match(only, [fault('drop', undefined, { nth: 1 })])]
    /** The numbers of the frames that a socket got. */
    const numbers = ({ frames }: PacketSocket) => frames.map(({ octets }) => octets.at(-1))
    for (let n = 0; n < scaled(1000); n++) {
      for (const wire of [link.ab, link.ba]) {
        wire.restart(7)
        wire.set(drop())
      }
      for (const socket of [inside, outside]) {
        socket.frames.splice(0)
      }
      for (const each of numbered) {
        outside.send(B)
        outside.send(each)
        inside.send(each)
      }
      await expect.poll(() => numbers(outside)).toEqual([2, 3])
      // On the interface itself, a frame is seen before the wire and after it.
      const received = () =>
        numbers(inside)
          .filter(n => n !== B.at(-1))
          .sort()
      await expect.poll(received).toEqual([1, 2, 2, 3, 3])
    }
    expect(passed(link)).toEqual([3 * scaled(1000), 0])
  },
)

test('frames pass directly, uncounted, once the attachment has ended', async () => {
  const link = await join({ only: ONLY_A, in: 'loss 100%' })
  using inside = new PacketSocket(near, 'inner')
  using outside = new PacketSocket(far, 'outer')
  outside.send(B)
  await expect.poll(() => inside.frames.length).toBe(1)
  await link.close()
  outside.send(A)
  await expect.poll(() => inside.frames.length).toBe(2)
  expect(passed(link)).toEqual([1, 0])
  expect(lines).toEqual([])
})
