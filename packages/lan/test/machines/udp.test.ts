import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, SKB_GSO_UDP_L4 } from '#src/skb/sk-buff.ts'
import { memoryNets } from '#support/memory-net.ts'
import { address } from '../../../../test/packet/frames.ts'
import type { SegmentHost } from '../../src/machines/host.ts'
import { addLan } from '../lan-net.ts'
import {
  BROADCAST,
  CLIENT,
  CLIENT_MAC,
  CLIENT6,
  datagram,
  GATEWAY,
  GATEWAY6,
  packet,
  ping,
  seen,
  udp,
  word16,
} from '../packets.ts'

const makeNet = memoryNets()
const families = [
  ['IPv4', GATEWAY, CLIENT],
  ['IPv6', GATEWAY6, CLIENT6],
] as const

describe.each(families)('over %s', (_, gateway, client) => {
  const back = {
    to: client.mac,
    from: gateway.mac,
    source: gateway.ip,
    destination: client.ip,
    hops: 64,
  }
  const headers = 14 + (gateway.ip.length === 4 ? 20 : 40)
  const partial = { ipSummed: CHECKSUM_PARTIAL, csumStart: headers, csumOffset: 6 }

  test('echo sends a datagram back with its checksum full or partial as before', async () => {
    const { ask, hosts } = await addLan(makeNet())
    const expected = { ...back, sourcePort: 7, port: 40000, text: 'hello' }
    expect(ask(udp(gateway, 7, 'hello', { hops: 3 })).map(datagram)).toMatchObject([expected])
    const [answer] = ask(udp(gateway, 7, 'hello', { sum: 'partial' }), partial)
    expect(answer).toMatchObject(partial)
    expect(datagram(answer!)).toMatchObject(expected)
    expect(hosts.counters.udp).toBe(2)
  })

  test('echo sends a GSO frame back as one frame', async () => {
    const { ask } = await addLan(makeNet())
    const data = Array.from({ length: 2500 }, (_, i) => i & 255)
    const gso = { ...partial, gsoSize: 1000, gsoType: SKB_GSO_UDP_L4 }
    const [answer, ...more] = ask(udp(gateway, 7, data, { sum: 'partial' }), gso)
    expect([answer, more]).toMatchObject([gso, []])
    expect(datagram(answer!)).toMatchObject({ ...back, sourcePort: 7, port: 40000, data })
  })

  test('discard does not reply', async () => {
    const { ask, segment } = await addLan(makeNet())
    expect(ask(udp(gateway, 9, 'hello'))).toEqual([])
    expect(segment.stats.taken).toBe(1)
  })

  test('daytime replies with the date and time', async () => {
    const { ask } = await addLan(makeNet())
    expect(ask(udp(gateway, 13, '')).map(datagram)).toMatchObject([
      { ...back, sourcePort: 13, port: 40000, text: 'Friday, November 20, 2026 17:37:43-UTC\r\n' },
    ])
  })

  test('chargen replies with 0 to 512 characters in lines of 72', async () => {
    const { ask } = await addLan(makeNet())
    const answers = Array.from({ length: 200 }, () => datagram(ask(udp(gateway, 19, 'x'))[0]!))
    const lengths = answers.map(({ text }) => text.length)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(512)
    expect(new Set(lengths).size).toBeGreaterThan(50)
    const longest = answers.find(({ text }) => text.length === Math.max(...lengths))!
    expect(longest).toMatchObject({ ...back, sourcePort: 19, port: 40000 })
    const [first, second] = longest.text.split('\r\n') as [string, string]
    expect(first).toBe(String.fromCharCode(...Array.from({ length: 72 }, (_, i) => 32 + i)))
    expect(second).toBe(first.slice(1) + String.fromCharCode(32 + 72))
  })

  test.each([7, 13, 19])(
    'port %i does not reply to service ports, so that two services never reply to each other for ever',
    async port => {
      const { ask, segment } = await addLan(makeNet())
      expect(ask([7, 19, 1023].map(sourcePort => udp(gateway, port, 'x', { sourcePort })))).toEqual(
        [],
      )
      expect(segment.stats.taken).toBe(3)
      expect(ask(udp(gateway, port, 'x', { sourcePort: 1024 }))).toHaveLength(1)
    },
  )

  test('a service does not reply to a port on which any host has a service', async () => {
    const { ask, hosts, segment } = await addLan(makeNet())
    hosts.add({ ip: '198.18.0.77', on: { udp: { 7007: 'echo', 7008: () => {} } } })
    expect(ask([7007, 7008].map(sourcePort => udp(gateway, 7, 'x', { sourcePort })))).toEqual([])
    expect(segment.stats.taken).toBe(2)
    expect(ask(udp(gateway, 7, 'x', { sourcePort: 7009 }))).toHaveLength(1)
  })

  test('a datagram with a wrong checksum, or a partial one that is not UDP’s, is dropped', async () => {
    const { ask, drops } = await addLan(makeNet())
    expect(ask(udp(gateway, 7, 'x', { sum: 'wrong' }))).toEqual([])
    expect(ask(udp(gateway, 7, 'x', { sum: 'partial' }), { ...partial, csumOffset: 4 })).toEqual([])
    expect(
      ask(udp(gateway, 7, 'x', { sum: 'partial' }), {
        ...partial,
        gsoSize: 1,
        gsoType: SKB_GSO_TCPV4,
      }),
    ).toEqual([])
    expect(drops()).toEqual({ UDP_CSUM: 2, SKB_GSO_SEG: 1 })
  })

  test('a datagram without a checksum is accepted over IPv4 only', async () => {
    const { ask, drops } = await addLan(makeNet())
    const isIpv4 = gateway.ip.length === 4
    expect(ask(udp(gateway, 7, 'x', { sum: 'none' })).map(datagram)).toHaveLength(isIpv4 ? 1 : 0)
    expect(drops()).toEqual(isIpv4 ? {} : { UDP_CSUM: 1 })
  })

  test('a closed port replies with port unreachable and the longest quote allowed', async () => {
    const { ask, hosts } = await addLan(makeNet())
    const most = gateway.ip.length === 4 ? 576 - 28 : 1280 - 48
    for (const length of [0, 5, 100, 1400]) {
      const frame = udp(gateway, 99, new Array(length).fill(7))
      const [answer] = ask(frame).map(seen)
      expect(answer).toMatchObject({ ...back, protocol: gateway.ip.length === 4 ? 1 : 58 })
      expect(answer?.transport.slice(0, 2)).toEqual(gateway.ip.length === 4 ? [3, 3] : [1, 4])
      expect(answer?.transport.slice(4, 8)).toEqual([0, 0, 0, 0])
      expect(answer?.transport.slice(8)).toEqual([...frame.subarray(14, 14 + most)])
    }
    expect(hosts.counters.unreachable).toBe(4)
  })

  test('an error about an offloaded frame quotes its first segment with a complete checksum', async () => {
    const { ask } = await addLan(makeNet())
    const whole = udp(gateway, 99, new Array(100).fill(7))
    const gso = { ...partial, gsoSize: 100, gsoType: SKB_GSO_UDP_L4 }
    for (const [data, info] of [
      [100, partial],
      [250, gso],
    ] as const) {
      const [answer, ...more] = ask(
        udp(gateway, 99, new Array(data).fill(7), { sum: 'partial' }),
        info,
      )
      expect(seen(answer!).transport.slice(8)).toEqual([...whole.subarray(14)])
      expect([answer?.gsoSize, more]).toEqual([0, []])
    }
  })

  test('at most 50 errors are sent in a burst, and 1,000 per second', async () => {
    const memory = makeNet()
    const { ask, hosts, segment } = await addLan(memory)
    const frames = (n: number) => Array.from({ length: n }, () => udp(gateway, 99, 'x'))
    expect(ask(frames(60))).toHaveLength(50)
    expect([hosts.counters.limited, segment.stats.taken]).toEqual([10, 10])
    memory.clock.advance(0.01 * NSEC_PER_SEC)
    expect(ask(frames(60))).toHaveLength(10)
  })
})

test('padding is neither echoed nor quoted', async () => {
  const { ask } = await addLan(makeNet())
  const padding = [9, 9, 9]
  expect(datagram(ask([...udp(GATEWAY, 7, 'x'), ...padding])[0]!).text).toBe('x')
  const frame = udp(GATEWAY, 99, 'x')
  expect(seen(ask([...frame, ...padding])[0]!).transport.slice(8)).toEqual([...frame.subarray(14)])
})

test('a reply with new headers has no IPv4 options', async () => {
  const { ask } = await addLan(makeNet())
  const [answer] = ask(udp(GATEWAY, 13, 'x', { options: [1, 1, 1, 1] }))
  expect(answer?.bytes[14]).toBe(0x45)
  expect(datagram(answer!).text).toContain('2026')
})

describe('without an ICMP error', () => {
  const to = (mac: number[], ip: string) => ({ mac, ip: address(ip) })
  const unreachable = { mac: GATEWAY.mac, ip: GATEWAY.ip }
  test.each([
    ['a broadcast', udp(to(BROADCAST, '255.255.255.255'), 99, 'x')],
    ['a directed broadcast', udp(to(BROADCAST, '198.18.0.255'), 99, 'x')],
    ['a broadcast of a host’s address', udp(to(BROADCAST, '198.18.0.1'), 7, 'x')],
    ['a group', udp(to([1, 0, 0x5e, 0, 0, 251], '224.0.0.251'), 99, 'x')],
    ['a group of IPv6', udp(to([0x33, 0x33, 0, 0, 0, 1], 'ff02:0:0:0:0:0:0:1'), 7, 'x')],
    [
      'a datagram from 0.0.0.0',
      udp(unreachable, 99, 'x', { from: { mac: CLIENT.mac, ip: [0, 0, 0, 0] } }),
    ],
    [
      'a datagram from a group',
      udp(unreachable, 99, 'x', { from: { mac: CLIENT.mac, ip: [224, 0, 0, 1] } }),
    ],
    [
      'a datagram to an address that is not the host’s',
      udp({ ...GATEWAY, ip: address('198.18.0.2') }, 99, 'x'),
    ],
    ['an error', packet(GATEWAY, 1, [3, 3, 0, 0, 0, 0, 0, 0, ...udp(CLIENT, 7, 'x').subarray(14)])],
    ['a ping to a group', ping(to([0x33, 0x33, 0, 0, 0, 1], 'ff02:0:0:0:0:0:0:1'))],
    ['a broadcast ping', ping(to(BROADCAST, '255.255.255.255'))],
  ])('hosts do not reply to %s', async (_, frame) => {
    const { ask, hosts } = await addLan(makeNet(), {
      network: '198.18.0.0/24',
      hosts: [{ ip: '198.18.0.9' }],
    })
    // The gateway is a router and sends errors about other addresses. This host is not.
    const own = [...frame]
    if (String(own.slice(0, 6)) === String(GATEWAY.mac)) {
      own[5] = 9
    }
    expect(ask(own)).toEqual([])
    expect(hosts.counters.unreachable).toBe(0)
  })
})

describe('the gateway', () => {
  test('the gateway rejects packets to other networks with no route', async () => {
    const { ask } = await addLan(makeNet())
    const frames = [
      ping({ ...GATEWAY, ip: address('203.0.113.9') }),
      udp({ ...GATEWAY6, ip: address('2001:db8:9:0:0:0:0:9') }, 53, 'x'),
    ]
    const [four, six] = frames.map(frame => seen(ask(frame)[0]!))
    expect(four).toMatchObject({ source: GATEWAY.ip, destination: CLIENT.ip, protocol: 1 })
    expect(four?.transport.slice(0, 2)).toEqual([3, 0])
    expect(six).toMatchObject({ source: GATEWAY6.ip, destination: CLIENT6.ip, protocol: 58 })
    expect(six?.transport.slice(0, 2)).toEqual([1, 0])
  })

  test('the gateway sends no error about groups, errors and later fragments', async () => {
    const { ask, segment } = await addLan(makeNet())
    const away = { ...GATEWAY, ip: address('203.0.113.9') }
    const error = packet(away, 1, [3, 3, 0, 0, 0, 0, 0, 0, ...udp(CLIENT, 7, 'x').subarray(14)])
    expect(ask([error, ping({ ...GATEWAY, ip: [224, 0, 0, 9] })])).toEqual([])
    expect(segment.stats.dropped).toBe(2)
  })
})

test('a packet of an unknown protocol gets a protocol unreachable reply', async () => {
  const { ask } = await addLan(makeNet())
  expect(seen(ask(packet(GATEWAY, 47, [0, 0, 8, 0]))[0]!).transport.slice(0, 2)).toEqual([3, 2])
  const six = seen(ask(packet(GATEWAY6, 47, [0, 0, 8, 0]))[0]!)
  expect([six.transport.slice(0, 2), word16(six.transport, 6)]).toEqual([[4, 1], 6])
})

test('a malformed packet is dropped with its reason', async () => {
  const { ask, drops } = await addLan(makeNet())
  const change = (frame: Uint8Array, at: number, octet: number) => frame.with(at, octet)
  const frame = udp(GATEWAY, 7, 'x')
  ask([
    frame.subarray(0, 30),
    change(frame, 24, frame[24]! ^ 1),
    udp(GATEWAY, 7, 'x', { options: [131, 3, 4, 0] }),
    udp(GATEWAY6, 7, 'x').subarray(0, 50),
    packet(GATEWAY, 17, [1, 2, 3]),
    packet(GATEWAY, 1, [8, 0, 1, 1, 0, 0, 0, 0], { sum: 'none' }),
    change(frame, 12, 0x88),
  ])
  expect(drops()).toEqual({
    IP_INHDR: 2,
    IP_CSUM: 1,
    IP_SOURCE_ROUTE: 1,
    L4_HDR: 1,
    ICMP_CSUM: 1,
    UNHANDLED_PROTO: 1,
  })
})

test('a datagram with a spoofed source does not bounce between the echo services of two hosts', async () => {
  const memory = makeNet()
  const { ask, hosts, segment } = await addLan(memory)
  const on = { udp: { 7007: 'echo' } } as const
  const [one, other] = [hosts.add({ ip: '198.18.0.70', on }), hosts.add({ ip: '198.18.0.71', on })]
  const end = ({ mac, ip }: SegmentHost) => ({ mac: [...mac], ip: [...(ip[0] as Uint8Array)] })
  for (const from of [end(other), end(one)]) {
    const spoofed = { from: { ...from, mac: [...CLIENT_MAC] }, sourcePort: 7007 }
    expect(ask(udp(end(one), 7007, 'x', spoofed))).toEqual([])
  }
  for (let n = 0; n < 100; n++) {
    memory.clock.advance(NSEC_PER_MSEC)
    memory.net.flush()
  }
  expect([hosts.counters.udp, segment.stats.taken, segment.stats.held]).toEqual([0, 2, 0])
})
