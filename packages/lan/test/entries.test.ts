/** The entries of a segment: hosts, leases, neighbours, stations, counters. */
import { expect, test } from 'vitest'
import type { SegmentEntry, SegmentEntryKind } from '#src/control/protocol/segment-entry.ts'
import { formatAddress, formatMac } from '#src/packet/address.ts'
import { memoryNets } from '#support/memory-net.ts'
import type { Hosts } from '../src/machines/hosts.ts'
import { createNetwork } from '../src/machines/network.ts'
import { segmentEntries } from '../src/population.ts'
import { addLan, textOf } from './lan-net.ts'
import { CLIENT, GATEWAY, ping, udp } from './packets.ts'

const makeNet = memoryNets()
const CLIENT_OCTETS = Uint8Array.of(2, 0, 0, 0, 0, 9)
const ALL: readonly SegmentEntryKind[] = ['host', 'lease', 'neighbour', 'station', 'counter']

/** With addresses as text. */
function readable(entry: SegmentEntry): Record<string, unknown> {
  const text = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(text)
    if (!(value instanceof Uint8Array)) return value
    return value.length === 6 ? formatMac(value, 0) : formatAddress(value)
  }
  return Object.fromEntries(Object.entries(entry).map(([key, value]) => [key, text(value)]))
}

async function asked(frames: readonly Uint8Array[], args = ['eth8', 'eth9']) {
  const net = await addLan(
    makeNet(),
    { hosts: [{ name: 'web', ip: '198.18.0.7', services: false }] },
    {},
    args,
  )
  for (const frame of frames) {
    net.ask(frame)
  }
  const leases = [
    {
      address: 0xc6120064,
      mac: '02:00:00:00:00:09',
      clientId: undefined,
      hostname: 'laptop',
      state: 'bound',
      expires: 7,
    },
  ] as const
  const entries = (...kinds: SegmentEntryKind[]) =>
    [...segmentEntries(net, () => leases, new Set(kinds))].map(readable)
  return { ...net, entries }
}

test('hosts are listed with their names and addresses, the gateway as a router', async () => {
  const { entries } = await asked([])
  expect(entries('host')).toEqual([
    {
      kind: 'host',
      name: 'gateway',
      mac: '02:4c:4e:12:00:01',
      addresses: ['198.18.0.1', '2001:db8:0:1::1', 'fe80::4c:4eff:fe12:1'],
      router: true,
    },
    {
      kind: 'host',
      name: 'web',
      mac: '02:4c:4e:12:00:07',
      addresses: ['198.18.0.7'],
      router: false,
    },
  ])
})

test('leases are listed with their addresses', async () => {
  const { entries } = await asked([])
  expect(entries('lease')).toEqual([
    {
      kind: 'lease',
      address: '198.18.0.100',
      mac: '02:00:00:00:00:09',
      clientId: undefined,
      hostname: 'laptop',
      expires: 7,
    },
  ])
})

test('a station is listed for each of its hardware addresses, or once without one', async () => {
  const { entries } = await asked([
    ping(GATEWAY),
    ping(GATEWAY, [], { from: { ...CLIENT, mac: [2, 0, 0, 0, 0, 10] } }),
  ])
  expect(entries('station')).toEqual([
    { kind: 'station', name: 'eth8', mac: '02:00:00:00:00:09' },
    { kind: 'station', name: 'eth8', mac: '02:00:00:00:00:0a' },
    { kind: 'station', name: 'eth9', mac: undefined },
  ])
})

test('neighbours of both families are listed', async () => {
  const { entries, hosts } = await asked([])
  hosts.neighbours4.learn(Uint8Array.of(198, 18, 0, 50), 0, Uint8Array.of(2, 0, 0, 0, 0, 9), 0)
  hosts.neighbours6.learn(
    Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9),
    0,
    new Uint8Array(6),
    0,
  )
  expect(entries('neighbour')).toEqual([
    { kind: 'neighbour', address: '198.18.0.50', mac: '02:00:00:00:00:09' },
    { kind: 'neighbour', address: '2001:db8:0:1::9', mac: '00:00:00:00:00:00' },
  ])
})

test('counters are listed for frames, drops by reason, and replies by kind', async () => {
  const wrong = udp({ ...GATEWAY, mac: GATEWAY.mac }, 7, 'x', { sum: 'wrong' })
  const { entries, segment } = await asked([ping(GATEWAY), wrong])
  const all = entries('counter')
  const of = (group: string) =>
    Object.fromEntries(
      all.filter(entry => entry.group === group).map(({ name, value }) => [name, value]),
    )
  expect(of('frames')).toEqual({ ...segment.stats })
  expect(of('frames')).toMatchObject({ in: 2, out: 1, dropped: 1 })
  expect(of('dropped')).toEqual({ UDP_CSUM: 1 })
  expect(of('answered')).toMatchObject({ echo: 1, arp: 0, udp: 0 })
})

test('only the kinds asked for are listed, in a fixed order', async () => {
  const { entries } = await asked([ping(GATEWAY)])
  expect(entries()).toEqual([])
  expect([...new Set(entries('counter', 'host').map(({ kind }) => kind))]).toEqual([
    'host',
    'counter',
  ])
  expect(new Set(entries(...ALL).map(({ kind }) => kind))).toEqual(
    new Set(['host', 'lease', 'station', 'counter']),
  )
})

test('inherit takes over counters, and neighbours that are not hosts now', async () => {
  const env = makeNet().net
  const learn = (hosts: Hosts, ...octets: number[]) =>
    (octets.length === 4 ? hosts.neighbours4 : hosts.neighbours6).learn(
      Uint8Array.from(octets),
      0,
      CLIENT_OCTETS,
      0,
    )
  const [before, after] = [createNetwork(env, {}).hosts, createNetwork(env, { count: 1 }).hosts]
  for (const last of [2, 50]) {
    learn(before, 198, 18, 0, last)
    learn(before, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, last)
  }
  for (let n = 0; n < 7; n++) {
    before.counters.refused++
  }
  after.inherit(before)
  const mac = '02:00:00:00:00:09'
  expect(textOf(after.neighbours4.entries())).toEqual([`198.18.0.50 ${mac}`])
  expect(textOf(after.neighbours6.entries())).toEqual([`2001:db8:0:1::32 ${mac}`])
  expect(after.counters).toMatchObject({ refused: 7, echo: 0 })
})
