import { describe, expect, test } from 'vitest'
import { memoryNets } from '#support/memory-net.ts'
import { address } from '../../../../test/packet/frames.ts'
import { buildNeighbour, type Neighbour } from '../../../../test/packet/neighbour.ts'
import { addLan, textOf } from '../lan-net.ts'
import { CLIENT_MAC, CLIENT6, GATEWAY6, ping, seen } from '../packets.ts'

const makeNet = memoryNets()
const HOST1 = { mac: [2, 0x4c, 0x4e, 18, 0, 2], ip: address('2001:db8:0:1:0:0:0:2') }
const LINK_LOCAL = address('fe80:0:0:0:4c:4eff:fe12:2')
const UNSPECIFIED = address('0:0:0:0:0:0:0:0')
const ALL_NODES = address('ff02:0:0:0:0:0:0:1')
const SOURCE_OPTION = [1, 1, ...CLIENT_MAC]

function solicitation(parts: Partial<Neighbour> = {}): Uint8Array {
  const usual = {
    to: [0x33, 0x33, 0xff, 0, 0, 2],
    from: CLIENT_MAC,
    type: 135,
    source: CLIENT6.ip,
    destination: address('ff02:0:0:0:0:1:ff00:2'),
    target: HOST1.ip,
    options: SOURCE_OPTION,
  }
  return Uint8Array.from(buildNeighbour({ ...usual, ...parts }))
}

function advertisement(parts: Partial<Neighbour> = {}, mac = HOST1.mac): Uint8Array {
  const usual = {
    to: CLIENT_MAC,
    from: mac,
    type: 136,
    flags: [0x60, 0, 0, 0],
    source: HOST1.ip,
    destination: CLIENT6.ip,
    target: HOST1.ip,
    options: [2, 1, ...mac],
  }
  return Uint8Array.from(buildNeighbour({ ...usual, ...parts }))
}

const one = { hosts: 1 }

describe('a neighbour solicitation', () => {
  test('a host replies to a solicitation for its address, to the sender: solicited, override', async () => {
    const { ask, hosts } = await addLan(makeNet(), {}, one)
    const unicast = { to: HOST1.mac, destination: HOST1.ip, options: [] }
    for (const parts of [{}, unicast]) {
      expect(ask(solicitation(parts)).map(({ bytes }) => bytes)).toEqual([advertisement()])
    }
    expect(textOf(hosts.neighbours6.entries())).toEqual(['2001:db8:0:1::50 02:00:00:00:00:09'])
  })

  test('a host replies to a solicitation for its link-local address', async () => {
    const { ask } = await addLan(makeNet(), {}, one)
    expect(ask(solicitation({ target: LINK_LOCAL })).map(({ bytes }) => bytes)).toEqual([
      advertisement({ source: LINK_LOCAL, target: LINK_LOCAL }),
    ])
  })

  test('the gateway replies to a solicitation as a router', async () => {
    const { ask, gateway } = await addLan(makeNet())
    const parts = { source: GATEWAY6.ip, target: GATEWAY6.ip, flags: [0xe0, 0, 0, 0] }
    expect(ask(solicitation({ target: GATEWAY6.ip })).map(({ bytes }) => bytes)).toEqual([
      advertisement(parts, [...gateway.mac]),
    ])
  })

  test('duplicate address detection gets a reply to all nodes: override, not solicited', async () => {
    const { ask, ports, hosts } = await addLan(makeNet(), {}, one, ['eth8', 'eth9'])
    const answer = advertisement({
      to: [0x33, 0x33, 0, 0, 0, 1],
      destination: ALL_NODES,
      flags: [0x20, 0, 0, 0],
    })
    // Its nonce (RFC 7527) is not repeated.
    for (const options of [[], [14, 1, 1, 2, 3, 4, 5, 6]]) {
      expect(ask(solicitation({ source: UNSPECIFIED, options })).map(({ bytes }) => bytes)).toEqual(
        [answer],
      )
      expect(ports[1]?.received.at(-1)?.bytes).toEqual(answer)
    }
    expect(textOf(hosts.neighbours6.entries())).toEqual([])
  })

  test.each([
    ['for an unowned address', { target: address('2001:db8:0:1:0:0:0:77') }],
    ['from the address of a host', { source: GATEWAY6.ip }],
    ['sent to another host', { to: GATEWAY6.mac, destination: GATEWAY6.ip }],
  ])('a solicitation %s is not answered', async (_, parts) => {
    const { ask, segment } = await addLan(makeNet(), {}, one)
    expect(ask(solicitation(parts))).toEqual([])
    expect(segment.stats.taken).toBe(1)
  })

  test.each([
    ['with a hop limit below 255', { hops: 254 }],
    ['with another code', { code: 1 }],
    ['with a wrong checksum', { wrong: 1 }],
    ['with an option of length 0', { options: [1, 0, 0, 0, 0, 0, 0, 0] }],
    ['from a group', { source: ALL_NODES }],
    ['from :: with a source address option', { source: UNSPECIFIED }],
    [
      'from :: to one host',
      { source: UNSPECIFIED, options: [], destination: HOST1.ip, to: HOST1.mac },
    ],
    ['with a group as its link-layer address', { options: [1, 1, 3, 0, 0, 0, 0, 1] }],
  ])('a solicitation %s is dropped', async (_, parts) => {
    const { ask, segment } = await addLan(makeNet(), {}, one)
    expect(ask(solicitation(parts))).toEqual([])
    expect(segment.stats.dropped).toBe(1)
  })
})

test('hosts learn an address from an advertisement, but not the address of a host', async () => {
  const { ask, hosts } = await addLan(makeNet(), {}, one)
  const parts = {
    to: [0x33, 0x33, 0, 0, 0, 1],
    from: CLIENT_MAC,
    destination: ALL_NODES,
    source: CLIENT6.ip,
  }
  const options = [2, 1, ...CLIENT_MAC]
  expect(ask(advertisement({ ...parts, target: CLIENT6.ip, options }))).toEqual([])
  expect(ask(advertisement({ ...parts, target: HOST1.ip, options }))).toEqual([])
  expect(textOf(hosts.neighbours6.entries())).toEqual(['2001:db8:0:1::50 02:00:00:00:00:09'])
})

test('a host replies to a ping to its link-local address', async () => {
  const { ask } = await addLan(makeNet(), {}, one)
  const from = { mac: CLIENT_MAC, ip: address('fe80:0:0:0:0:0:0:9') }
  const [answer] = ask(ping({ mac: HOST1.mac, ip: LINK_LOCAL }, [1], { from })).map(seen)
  expect(answer).toMatchObject({
    source: LINK_LOCAL,
    destination: from.ip,
    from: HOST1.mac,
    hops: 64,
  })
})
