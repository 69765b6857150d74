import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { memoryNets, padded } from '#support/memory-net.ts'
import { address } from '../../../../test/packet/frames.ts'
import { type Arp, buildArp } from '../../../../test/packet/neighbour.ts'
import { addLan, textOf } from '../lan-net.ts'
import { BROADCAST, CLIENT, CLIENT_MAC, GATEWAY, ping } from '../packets.ts'

const makeNet = memoryNets()
const NO_MAC = [0, 0, 0, 0, 0, 0]
const ZERO = [0, 0, 0, 0]

function arp(parts: Partial<Arp> = {}): Uint8Array {
  const usual = {
    to: BROADCAST,
    from: CLIENT_MAC,
    op: 1,
    sha: CLIENT_MAC,
    spa: CLIENT.ip,
    tha: NO_MAC,
    tpa: GATEWAY.ip,
  }
  return Uint8Array.from(buildArp({ ...usual, ...parts }))
}

function reply(spa: number[]): Uint8Array {
  return padded(
    arp({
      op: 2,
      to: CLIENT_MAC,
      from: GATEWAY.mac,
      sha: GATEWAY.mac,
      spa: GATEWAY.ip,
      tha: CLIENT_MAC,
      tpa: spa,
    }),
  )
}

describe('ARP', () => {
  test('a host replies to an ARP request for its address, broadcast or unicast, to the sender alone', async () => {
    const { ask, hosts } = await addLan(makeNet())
    for (const to of [BROADCAST, GATEWAY.mac]) {
      expect(ask(arp({ to })).map(({ bytes }) => bytes)).toEqual([reply(CLIENT.ip)])
    }
    expect(hosts.counters.arp).toBe(2)
  })

  test('a host replies to a probe for its address, so that the prober finds it taken', async () => {
    const { ask } = await addLan(makeNet())
    expect(ask(arp({ spa: ZERO })).map(({ bytes }) => bytes)).toEqual([reply(ZERO)])
  })

  test.each([
    ['asks for an unowned address', { tpa: address('198.18.0.77') }],
    ['probes for an unowned address', { spa: ZERO, tpa: address('198.18.0.77') }],
    ['announces its sender’s address', { tpa: CLIENT.ip }],
    ['is a reply', { op: 2 }],
    ['comes from a group', { spa: address('224.0.0.1') }],
    ['is sent to another host than its target', { to: [2, 0x4c, 0x4e, 18, 0, 2] }],
  ])('a packet that %s is consumed without a reply', async (_, parts) => {
    const { ask, segment, drops } = await addLan(makeNet(), {}, { hosts: 1 })
    expect(ask(arp(parts))).toEqual([])
    expect([segment.stats.taken, drops()]).toEqual([1, {}])
  })

  test('a packet that is cut, is not for IPv4, or has a sender that is not a station is dropped', async () => {
    const { ask, drops } = await addLan(makeNet())
    const other = arp()
    other[15] = 6
    expect(
      ask([arp().subarray(0, 41), other, arp({ sha: NO_MAC }), arp({ sha: BROADCAST })]),
    ).toEqual([])
    expect(drops()).toEqual({ UNHANDLED_PROTO: 2, MAC_INVALID_SOURCE: 2 })
  })

  test.each([
    ['an announcement', { spa: GATEWAY.ip }],
    ['a request for an unowned address', { spa: GATEWAY.ip, tpa: address('198.18.0.77') }],
    ['a reply', { op: 2, spa: GATEWAY.ip, to: CLIENT_MAC.with(5, 7) }],
  ])(
    'a host whose address another station uses, in %s, announces it to all, once in ten seconds',
    async (_, parts) => {
      const memory = makeNet()
      const { ask, hosts, ports } = await addLan(memory, {}, {}, ['eth8', 'eth9'])
      const conflict = arp({ ...parts, to: BROADCAST })
      const defence = padded(
        arp({ from: GATEWAY.mac, sha: GATEWAY.mac, spa: GATEWAY.ip, tpa: GATEWAY.ip }),
      )
      expect(ask(conflict).map(({ bytes }) => bytes)).toEqual([defence])
      expect(ports[1]?.received.at(-1)?.bytes).toEqual(defence)
      memory.clock.advance(9.9 * NSEC_PER_SEC)
      expect(ask(conflict)).toEqual([])
      memory.clock.advance(0.1 * NSEC_PER_SEC)
      expect(ask(conflict).map(({ bytes }) => bytes)).toEqual([defence])
      expect(hosts.counters).toMatchObject({ defended: 2, arp: 0 })
      expect(textOf(hosts.neighbours4.entries())).toEqual([])
    },
  )

  test('the hosts learn the sender’s address from a request, but not from a probe', async () => {
    const { ask, hosts } = await addLan(makeNet())
    ask(arp({ spa: ZERO, tpa: CLIENT.ip }))
    expect(textOf(hosts.neighbours4.entries())).toEqual([])
    ask(arp({ tpa: address('198.18.0.77') }))
    ask(arp({ spa: address('198.18.0.51'), sha: CLIENT_MAC.with(5, 8) }))
    ask(arp({ sha: CLIENT_MAC.with(5, 7) }))
    expect(textOf(hosts.neighbours4.entries())).toEqual([
      '198.18.0.50 02:00:00:00:00:07',
      '198.18.0.51 02:00:00:00:00:08',
    ])
  })
})

test('a host replies to a ping to the address that ARP resolved', async () => {
  const { ask } = await addLan(makeNet())
  expect(ask(ping(GATEWAY))).toHaveLength(1)
})
