import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '../../src/core/clock.ts'
import { address } from '../header/frames.ts'
import { type Arp, buildArp } from '../header/neighbour.ts'
import { memoryNets, padded } from '../support/memory-net.ts'
import { addLan } from './lan-net.ts'
import { BROADCAST, CLIENT, CLIENT_MAC, GATEWAY, ping } from './packets.ts'

const makeNet = memoryNets()
const NOBODY = [0, 0, 0, 0, 0, 0]
const ZERO = [0, 0, 0, 0]

function arp(parts: Partial<Arp> = {}): Uint8Array {
  const usual = {
    to: BROADCAST,
    from: CLIENT_MAC,
    op: 1,
    sha: CLIENT_MAC,
    spa: CLIENT.ip,
    tha: NOBODY,
    tpa: GATEWAY.ip,
  }
  return Uint8Array.from(buildArp({ ...usual, ...parts }))
}

function reply(spa: number[]): Uint8Array {
  return padded(
    arp({ op: 2, to: CLIENT_MAC, from: GATEWAY.mac, sha: GATEWAY.mac, spa: GATEWAY.ip, tha: CLIENT_MAC, tpa: spa }),
  )
}

describe('ARP', () => {
  test('for a host is answered by it, to who asked, be it asked of all or of the host alone', async () => {
    const { ask, hosts } = await addLan(makeNet())
    for (const to of [BROADCAST, GATEWAY.mac]) {
      expect(ask(arp({ to })).map(({ bytes }) => bytes)).toEqual([reply(CLIENT.ip)])
    }
    expect(hosts.counters.arp).toBe(2)
  })

  test('that probes for a host’s address is answered, so that the prober sees that it is taken', async () => {
    const { ask } = await addLan(makeNet())
    expect(ask(arp({ spa: ZERO })).map(({ bytes }) => bytes)).toEqual([reply(ZERO)])
  })

  test.each([
    ['asks for nobody', { tpa: address('198.18.0.77') }],
    ['probes for an address of nobody', { spa: ZERO, tpa: address('198.18.0.77') }],
    ['announces an address of its sender', { tpa: CLIENT.ip }],
    ['is an answer', { op: 2 }],
    ['comes from a group', { spa: address('224.0.0.1') }],
    ['is sent to another host than it asks for', { to: [2, 0x4c, 0x4e, 18, 0, 2] }],
  ])('that %s is not answered, and is no drop', async (_, parts) => {
    const { ask, segment, drops } = await addLan(makeNet(), {}, { hosts: 1 })
    expect(ask(arp(parts))).toEqual([])
    expect([segment.stats.taken, drops()]).toEqual([1, {}])
  })

  test('that is cut, of another kind, or from a hardware address that nobody can have is dropped', async () => {
    const { ask, drops } = await addLan(makeNet())
    const other = arp()
    other[15] = 6
    expect(ask([arp().subarray(0, 41), other, arp({ sha: NOBODY }), arp({ sha: BROADCAST })])).toEqual([])
    expect(drops()).toEqual({ UNHANDLED_PROTO: 2, MAC_INVALID_SOURCE: 2 })
  })

  test.each([
    ['an announcement', { spa: GATEWAY.ip }],
    ['a request for another', { spa: GATEWAY.ip, tpa: address('198.18.0.77') }],
    ['an answer', { op: 2, spa: GATEWAY.ip, to: CLIENT_MAC.with(5, 7) }],
  ])(
    'of somebody else who has a host’s address, in %s, is met by an announcement to all, once in ten seconds',
    async (_, parts) => {
      const memory = makeNet()
      const { ask, hosts, ports } = await addLan(memory, {}, {}, ['eth8', 'eth9'])
      const conflict = arp({ ...parts, to: BROADCAST })
      const defence = padded(arp({ from: GATEWAY.mac, sha: GATEWAY.mac, spa: GATEWAY.ip, tpa: GATEWAY.ip }))
      expect(ask(conflict).map(({ bytes }) => bytes)).toEqual([defence])
      expect(ports[1]?.received.at(-1)?.bytes).toEqual(defence)
      memory.clock.advance(9.9 * NSEC_PER_SEC)
      expect(ask(conflict)).toEqual([])
      memory.clock.advance(0.1 * NSEC_PER_SEC)
      expect(ask(conflict).map(({ bytes }) => bytes)).toEqual([defence])
      expect(hosts.counters).toMatchObject({ defended: 2, arp: 0 })
      expect(hosts.neighbours4.entries()).toEqual([])
    },
  )

  test('teaches who has which address; a probe does not', async () => {
    const { ask, hosts } = await addLan(makeNet())
    ask(arp({ spa: ZERO, tpa: CLIENT.ip }))
    expect(hosts.neighbours4.entries()).toEqual([])
    ask(arp({ tpa: address('198.18.0.77') }))
    ask(arp({ spa: address('198.18.0.51'), sha: CLIENT_MAC.with(5, 8) }))
    ask(arp({ sha: CLIENT_MAC.with(5, 7) }))
    expect(hosts.neighbours4.entries()).toEqual([
      { address: '198.18.0.50', mac: '02:00:00:00:00:07' },
      { address: '198.18.0.51', mac: '02:00:00:00:00:08' },
    ])
  })
})

test('a host that answered ARP answers ping', async () => {
  const { ask } = await addLan(makeNet())
  expect(ask(ping(GATEWAY))).toHaveLength(1)
})
