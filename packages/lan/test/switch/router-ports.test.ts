/** Which ports of a segment get messages to routers. */
import { expect, test } from 'vitest'
import { FakeClock } from '#src/bed/fake-clock.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { type Inhabitant, Segment, type Station } from '../../src/switch/segment.ts'

const word = (n: number) => [n >> 8, n & 255]
const v4 = (last: number) => [224, 0, 0, last]
const v6 = (last: number) => [0xff, 2, ...Array<number>(13).fill(0), last]

/** An IGMP message to 224.0.0.x, with the router alert option. */
function igmp(last: number, message: number[], protocol = 2): number[] {
  const header = [
    0x46,
    0xc0,
    ...word(24 + message.length),
    0,
    0,
    0x40,
    0,
    1,
    protocol,
    0,
    0,
    192,
    0,
    2,
    9,
    ...v4(last),
  ]
  return [1, 0, 0x5e, 0, 0, last, 2, 0, 0, 0, 0, 1, 8, 0, ...header, 0x94, 4, 0, 0, ...message]
}

/** A message to ff02::x. With `alert`, it has the hop-by-hop option of MLD. */
function icmp6(last: number, message: number[], alert = false): number[] {
  const options = alert ? [58, 0, 5, 2, 0, 0, 1, 0] : []
  const length = options.length + message.length
  const header = [
    0x60,
    0,
    0,
    0,
    ...word(length),
    alert ? 0 : 58,
    255,
    ...Array<number>(16).fill(0),
    ...v6(last),
  ]
  return [
    0x33,
    0x33,
    0,
    0,
    0,
    last,
    2,
    0,
    0,
    0,
    0,
    1,
    0x86,
    0xdd,
    ...header,
    ...options,
    ...message,
  ]
}

/** A report with records: the record's type, its group, its number of sources. */
function report(
  messageType: number,
  ...records: [type: number, group: number[], sources?: number][]
): number[] {
  const bytes = records.flatMap(([type, group, sources = 0]) => {
    return [type, 0, ...word(sources), ...group, ...Array<number>(sources * group.length).fill(7)]
  })
  return [messageType, 0, 0, 0, 0, 0, ...word(records.length), ...bytes]
}

const mld = (...records: Parameters<typeof report>[1][]) => icmp6(22, report(143, ...records), true)
const igmp3 = (...records: Parameters<typeof report>[1][]) => igmp(22, report(0x22, ...records))

const SOLICITATION = icmp6(2, [133, 0, 0, 0, 0, 0, 0, 0])
const ADVERTISEMENT = icmp6(1, [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0])
const TO_ROUTERS = {
  solicitation: SOLICITATION,
  'MLDv2 report': mld([4, v6(9)]),
  'IGMPv3 report': igmp3([4, v4(9)]),
}

class Listener implements Station {
  got = 0
  readonly leadsToRouters: boolean
  constructor(leadsToRouters = false) {
    this.leadsToRouters = leadsToRouters
  }
  receive(skb: SkBuff): void {
    this.got++
    skb.free()
  }
}

function setUp() {
  const pool = new PoisonedPool({ large: 4, small: 64 })
  const segment = new Segment({ clock: new FakeClock() })
  const [a, b, c] = [new Listener(), new Listener(), new Listener()]
  for (const station of [a, b, c]) {
    segment.attach(station)
  }
  const send = (from: Station, bytes: number[]) => {
    for (const station of [a, b, c]) {
      station.got = 0
    }
    const skb = pool.alloc(bytes.length) as SkBuff
    skb.bytes.set(bytes, skb.put(bytes.length))
    segment.send(skb, from)
    expect(pool.out).toBe(0)
    const { stats } = segment
    expect(stats.in).toBe(stats.out + stats.taken + stats.dropped + stats.held)
    return [a.got, b.got, c.got]
  }
  return { segment, a, b, c, send }
}

test.each(Object.entries(TO_ROUTERS))('no host receives the %s of another host', (_, bytes) => {
  const { segment, a, send } = setUp()
  expect(send(a, bytes)).toEqual([0, 0, 0])
  expect(segment.stats).toMatchObject({ in: 1, taken: 1 })
})

test.each([
  ['IPv4', igmp(22, [0, 9, 0, 9, 0, 8, 0, 0], 17)],
  ['IPv6', icmp6(22, [128, 0, 0, 0, 0, 0, 0, 0])],
])('%s data to the group with the address of reports goes to all other ports', (_, bytes) => {
  const { a, send } = setUp()
  expect(send(a, bytes)).toEqual([0, 1, 1])
})

test.each(Object.entries(TO_ROUTERS))(
  'an uplink and the inhabitants receive the %s of a host',
  (_, bytes) => {
    const { segment, a, b, send } = setUp()
    const uplink = new Listener(true)
    let taken = 0
    const inhabitant: Inhabitant = {
      owns: () => false,
      receive(skb) {
        taken++
        segment.take(skb)
      },
    }
    segment.attach(inhabitant)
    segment.attach(uplink)
    expect([send(a, bytes), uplink.got, taken]).toEqual([[0, 0, 0], 1, 1])
    segment.detach(uplink)
    expect([send(b, bytes), uplink.got, taken]).toEqual([[0, 0, 0], 1, 2])
  },
)

test.each([
  ['a router advertisement', ADVERTISEMENT],
  ['an MLD query', icmp6(1, [130, 0, 0, 0, 0, 0, 0, 0, ...v6(0)], true)],
  ['an IGMP query', igmp(1, [0x11, 100, 0, 0, 0, 0, 0, 0])],
  ['an MLDv2 report of all-routers', mld([4, v6(2)])],
  ['an MLDv2 report whose second record is of a group of routers', mld([6, v6(9), 2], [2, v6(22)])],
  ['an IGMPv3 report of a group of routers', igmp3([4, v4(9)], [2, v4(22)])],
])('a port that sent %s receives messages to routers until it is unplugged', (_, bytes) => {
  const { segment, a, b, send } = setUp()
  send(b, bytes)
  for (const message of Object.values(TO_ROUTERS)) {
    expect(send(a, message)).toEqual([0, 1, 0])
  }
  segment.detach(b)
  segment.attach(b)
  expect(send(a, SOLICITATION)).toEqual([0, 0, 0])
})

test.each([
  ['that leaves all-routers', mld([3, v6(2)])],
  [
    'of a group that ends like one of routers',
    mld([4, [0xff, 2, ...Array<number>(12).fill(0), 1, 2]]),
  ],
  ['of all-routers of another scope', mld([4, [0xff, 5, ...Array<number>(13).fill(0), 2]])],
  ['that ends before its record', mld([4, v6(2)]).slice(0, -1)],
  ['whose message is not ICMPv6', mld([4, v6(2)]).with(54, 59)],
])('a report %s makes no router of a port', (_, bytes) => {
  const { a, b, send } = setUp()
  send(b, bytes)
  expect(send(a, SOLICITATION)).toEqual([0, 0, 0])
})

test.each([
  ['a ping to all-routers', icmp6(2, [128, 0, 0, 0, 0, 0, 0, 0])],
  ['a router advertisement', ADVERTISEMENT],
  ['a datagram to 224.0.0.2', igmp(2, [7, 193, 7, 193, 0, 8, 0, 0], 17)],
  ['a solicitation that is cut off', SOLICITATION.slice(0, 57)],
  [
    'a later fragment to all-routers',
    icmp6(2, [58, 0, 0, 8, 0, 0, 0, 1, 133, 0, 0, 0, 0, 0, 0, 0]).with(20, 44),
  ],
  ['another protocol to the address of the group', SOLICITATION.with(12, 0x88).with(13, 0xb5)],
])('%s goes to all other ports', (_, bytes) => {
  const { a, send } = setUp()
  expect(send(a, bytes)).toEqual([0, 1, 1])
})
