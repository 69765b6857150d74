import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_UDP_L4, type SkBuff } from '#src/skb/sk-buff.ts'
import { freshNet, turn } from '#support/memory-net.ts'
import { address } from '../../../../test/packet/frames.ts'
import type { Icmpv6Message, UdpHandler, UdpMessage } from '../../src/machines/host.ts'
import { host } from '../../src/services/tcp-handlers.ts'
import type { Station } from '../../src/switch/segment.ts'
import { addLan, settle } from '../lan-net.ts'
import {
  BROADCAST,
  CLIENT,
  CLIENT_MAC,
  CLIENT6,
  datagram,
  type End,
  GATEWAY,
  packet,
  seen,
  udp,
} from '../packets.ts'

const memory = freshNet()
const OWN: End = { mac: [2, 0, 0, 0, 7, 7], ip: address('198.18.0.7') }
const OWN6: End = { mac: OWN.mac, ip: address('2001:db8:0:1:0:0:0:7') }

/** A host with this handler of port 53. */
function own(handler: UdpHandler, more = {}) {
  return host({
    name: 'own',
    mac: '02:00:00:00:07:07',
    ip: '198.18.0.7',
    ip6: '2001:db8:0:1::7',
    on: { udp: { 53: handler }, ...more },
  })
}

const text = (octets: Uint8Array) => Buffer.from(octets).toString()
const octets = (octets: string) => new Uint8Array(Buffer.from(octets))

describe('a UDP handler', () => {
  test.each([
    ['IPv4', OWN, CLIENT],
    ['IPv6', OWN6, CLIENT6],
  ])(
    'a handler over %s gets the datagram, its source and destination and its host, and replies',
    async (_, to, from) => {
      const seenMessages: object[] = []
      const { ask } = await addLan(memory, {
        hosts: [
          own((message, reply) => {
            seenMessages.push({ ...message, data: text(message.data), host: message.host.name })
            expect(reply(octets(`${text(message.data)}!`))).toBe(true)
          }),
        ],
      })
      const [answer, ...more] = ask(udp(to, 53, 'hello')).map(datagram)
      expect([answer, more]).toMatchObject([
        {
          to: from.mac,
          from: to.mac,
          source: to.ip,
          destination: from.ip,
          sourcePort: 53,
          port: 40000,
          text: 'hello!',
        },
        [],
      ])
      expect(seenMessages).toEqual([
        {
          data: 'hello',
          source: {
            address: Uint8Array.from(from.ip),
            port: 40000,
            mac: Uint8Array.from(from.mac),
          },
          destination: { address: Uint8Array.from(to.ip), port: 53 },
          host: 'own',
        },
      ])
    },
  )

  test('a handler may reply later and more than once', async () => {
    let later: ((data: Uint8Array) => boolean) | undefined
    const net = await addLan(memory, {
      hosts: [
        own((_, reply) => {
          later = reply
        }),
      ],
    })
    expect(net.ask(udp(OWN, 53, 'x'))).toEqual([])
    for (const word of ['one', 'two']) {
      later?.(octets(word))
    }
    memory.net.flush()
    expect(net.port.received.map(frame => datagram(frame).text)).toEqual(['one', 'two'])
    settle(memory, net)
  })

  test('a handler is called for each datagram of a GSO frame', async () => {
    const got: string[] = []
    const { ask } = await addLan(memory, {
      hosts: [
        own((message, reply) => {
          got.push(text(message.data))
          reply(message.data)
        }),
      ],
    })
    const info = {
      ipSummed: CHECKSUM_PARTIAL,
      csumStart: 34,
      csumOffset: 6,
      gsoSize: 4,
      gsoType: SKB_GSO_UDP_L4,
    }
    const answers = ask(udp(OWN, 53, 'abcdefghij', { sum: 'partial' }), info)
    expect(got).toEqual(['abcd', 'efgh', 'ij'])
    expect(answers.map(frame => datagram(frame).text)).toEqual(got)
  })

  test('a handler gets an empty datagram', async () => {
    const got: number[] = []
    const { ask } = await addLan(memory, { hosts: [own(({ data }) => void got.push(data.length))] })
    ask(udp(OWN, 53, ''))
    expect(got).toEqual([0])
  })

  test('a handler that throws costs its datagram, and one line in the log per second', async () => {
    const net = await addLan(memory, {
      hosts: [
        own(({ data }, reply) => {
          if (text(data) === 'bad') throw new Error('no good')
          reply(data)
        }),
      ],
    })
    const frames = ['bad', 'good', 'bad'].map(word => udp(OWN, 53, word))
    expect(net.ask(frames).map(frame => datagram(frame).text)).toEqual(['good'])
    expect(net.drops()).toEqual({ HANDLER_EXCEPTION: 2 })
    expect(net.hosts.handlers.exceptions).toBe(2)
    const lines = () => memory.lines.filter(line => line.startsWith('host '))
    expect(lines()).toEqual([
      expect.stringMatching(/^host own: udp 53: Error: no good \(at .*handlers\.test\.ts/),
    ])
    memory.clock.advance(NSEC_PER_SEC)
    net.ask(frames)
    expect(lines()).toHaveLength(2)
  })

  test('datagrams beyond the limit of a handler are counted, one for each segment, and not passed on', async () => {
    const got: string[] = []
    const record: UdpHandler = ({ data }) => void got.push(text(data))
    const other = host({ ip: '198.18.0.8', on: { udp: { 53: record } } })
    const net = await addLan(memory, { hosts: [own(record), other] })
    const seenByLimit: unknown[] = []
    net.hosts.handlers.limit(1, 53, (bytes, mac, data, end) => {
      seenByLimit.push([[...bytes.subarray(mac, mac + 6)], text(bytes.subarray(data, end))])
      return bytes[data] !== 0x21
    })
    net.ask(['!no', 'yes', ''].map(word => udp(OWN, 53, word)))
    expect([got.splice(0), net.hosts.counters.refused]).toEqual([['yes', ''], 1])
    const all = ['!no', 'yes', ''].map(word => [CLIENT_MAC, word])
    expect(seenByLimit.splice(0)).toEqual(all)
    const gso = { gsoSize: 2, gsoType: SKB_GSO_UDP_L4, ipSummed: CHECKSUM_PARTIAL }
    const partial = { ...gso, csumStart: 34, csumOffset: 6 }
    net.ask(udp(OWN, 53, '!aok!b!', { sum: 'partial' }), partial)
    expect([got.splice(0), net.hosts.counters.refused]).toEqual([['ok'], 4])
    const mac = [2, 0x4c, 0x4e, 18, 0, 8]
    net.ask(udp({ mac, ip: address('198.18.0.8') }, 53, '!free'))
    net.ask(udp({ mac: BROADCAST, ip: [255, 255, 255, 255] }, 53, '!all'))
    expect([got, net.hosts.counters.refused]).toEqual([['!free', '!all'], 5])
  })

  test('a rejection of an async handler is logged', async () => {
    const { ask } = await addLan(memory, {
      hosts: [own((async () => Promise.reject(new Error('too late'))) as UdpHandler)],
    })
    ask(udp(OWN, 53, 'x'))
    await turn()
    expect(memory.lines.filter(line => line.startsWith('host '))).toEqual([
      expect.stringContaining('too late'),
    ])
  })

  test('a handler gets broadcasts to its port, and its reply to a client without an address is a broadcast', async () => {
    const got: UdpMessage[] = []
    const { ask, hosts, ports } = await addLan(
      memory,
      {
        hosts: [
          own((message, reply) => {
            got.push(message)
            reply(octets('offer'))
          }),
          host({ ip: '198.18.0.8', on: { udp: { 53: message => void got.push(message) } } }),
          // A small service gets unicast only.
          host({ ip: '198.18.0.9', on: { udp: { 53: 'echo' } } }),
        ],
      },
      { hosts: 3 },
      ['eth8', 'eth9'],
    )
    const broadcast = { mac: BROADCAST, ip: [255, 255, 255, 255] }
    const unspecified = { mac: CLIENT_MAC, ip: [0, 0, 0, 0] }
    const answers = ask(udp(broadcast, 53, 'discover', { from: unspecified })).map(datagram)
    expect([got.map(message => message.host.index), hosts.handlers.exceptions]).toEqual([[1, 2], 0])
    // A broadcast frame with a packet to one host is ignored.
    expect(ask(udp({ mac: BROADCAST, ip: OWN.ip }, 53, 'x'))).toEqual([])
    expect(got).toHaveLength(2)
    expect(answers).toMatchObject([
      {
        to: BROADCAST,
        from: OWN.mac,
        source: OWN.ip,
        destination: [255, 255, 255, 255],
        text: 'offer',
      },
    ])
    expect(ports[1]?.received.map(frame => datagram(frame).text)).toEqual([
      'discover',
      'offer',
      'x',
    ])
  })

  test('a handler gets IPv6 multicast, and its reply has an address of the host as its source', async () => {
    const { ask } = await addLan(memory, { hosts: [own((_, reply) => void reply(octets('here')))] })
    const group = { mac: [0x33, 0x33, 0, 1, 0, 2], ip: address('ff02:0:0:0:0:0:1:2') }
    const from = { mac: CLIENT_MAC, ip: address('fe80:0:0:0:0:0:0:9') }
    expect(ask(udp(group, 53, 'x', { from })).map(datagram)).toMatchObject([
      { source: address('fe80:0:0:0:0:ff:fe00:707'), destination: from.ip, text: 'here' },
    ])
  })

  test('a handler replaces the small service on its port, and a host may have no services', async () => {
    const { ask } = await addLan(memory, {
      hosts: [
        host({
          ip: '198.18.0.7',
          mac: '02:00:00:00:07:07',
          on: { udp: { 7: (_, reply) => void reply(octets('mine')) } },
        }),
        host({ ip: '198.18.0.8', mac: '02:00:00:00:07:08', services: false }),
      ],
    })
    expect(ask(udp(OWN, 7, 'x')).map(frame => datagram(frame).text)).toEqual(['mine'])
    const [answer] = ask(udp({ mac: OWN.mac.with(5, 8), ip: address('198.18.0.8') }, 7, 'x')).map(
      seen,
    )
    expect(answer?.protocol).toBe(1)
  })

  test('an ICMPv6 handler gets messages of its type to its host and to groups', async () => {
    const got: Icmpv6Message[] = []
    const solicited = {
      icmpv6: {
        133: (message: Icmpv6Message) => void got.push({ ...message, data: message.data.slice() }),
      },
    }
    const { ask, drops } = await addLan(memory, { gateway: { on: solicited } })
    const group = { mac: [0x33, 0x33, 0, 0, 0, 2], ip: address('ff02:0:0:0:0:0:0:2') }
    const message = [133, 0, 0, 0, 0, 0, 0, 0]
    ask([
      packet(group, 58, message, { hops: 255 }),
      packet({ ...GATEWAY, ip: address('2001:db8:0:1:0:0:0:1') }, 58, message),
    ])
    ask(packet(group, 58, message, { sum: 'wrong' }))
    expect(
      got.map(({ hopLimit, data, host }) => [hopLimit, data[0], data.length, host.name]),
    ).toEqual([
      [255, 133, 8, 'gateway'],
      [64, 133, 8, 'gateway'],
    ])
    expect(drops()).toEqual({ ICMP_CSUM: 1 })
  })
})

test('a frame that comes back while a handler runs does not change what the next handler gets', async () => {
  const got: number[][] = []
  const note = ({ source }: { source: { address: Uint8Array } }) => {
    got.push([...source.address])
    net.hosts.sendUdp(net.gateway, {
      sourcePort: 1,
      port: 2,
      address: 0xffff_ffff,
      data: octets('x'),
    })
  }
  const on = { udp: { 53: note }, icmpv6: { 133: note } }
  const net = await addLan(memory, {
    hosts: [host({ ip: '198.18.0.7', ip6: '2001:db8:0:1::7', on }), host({ ip: '198.18.0.8', on })],
  })
  const { segment } = net
  const station: Station = {
    receive(skb) {
      skb.free()
      const back = memory.pool.alloc(100) as SkBuff
      const frame = udp(GATEWAY, 9, 'x', {
        from: { mac: [2, 0, 0, 0, 0, 77], ip: address('198.18.0.77') },
      })
      back.bytes.set(frame, back.put(frame.length))
      segment.send(back, station)
    },
  }
  segment.attach(station)
  net.ask(udp({ mac: BROADCAST, ip: [255, 255, 255, 255] }, 53, 'x'))
  const group = { mac: [0x33, 0x33, 0, 0, 0, 2], ip: address('ff02:0:0:0:0:0:0:2') }
  net.ask(packet(group, 58, [133, 0, 0, 0, 0, 0, 0, 0], { hops: 255 }))
  expect(got).toEqual([CLIENT.ip, CLIENT.ip, CLIENT6.ip, CLIENT6.ip])
  segment.detach(station)
})

describe('a host that sends of its own accord', () => {
  test('a host sends to neighbours that it knows, to groups, to broadcast, and to a given hardware address', async () => {
    const net = await addLan(memory)
    const { hosts, gateway, port } = net
    const data = octets('hello')
    const known = Uint8Array.from(CLIENT.ip)
    expect(hosts.sendUdp(gateway, { sourcePort: 67, port: 68, address: known, data })).toBe(false)
    hosts.neighbours4.learn(known, 0, Uint8Array.from(CLIENT_MAC), 0)
    const datagrams = [
      { address: known },
      { address: 0xc6120033, mac: Uint8Array.from(CLIENT_MAC) },
      { address: 0xffff_ffff },
      { address: Uint8Array.from([224, 129, 2, 3]) },
      { address: Uint8Array.from(address('ff02:0:0:0:0:0:1:2')), hops: 1 },
    ]
    for (const each of datagrams) {
      expect(hosts.sendUdp(gateway, { sourcePort: 67, port: 68, data, ...each })).toBe(true)
    }
    memory.net.flush()
    settle(memory, net)
    expect(port.received.map(frame => [datagram(frame).to, datagram(frame).destination])).toEqual([
      [CLIENT_MAC, CLIENT.ip],
      [CLIENT_MAC, [198, 18, 0, 51]],
      [BROADCAST, [255, 255, 255, 255]],
      [
        [1, 0, 0x5e, 1, 2, 3],
        [224, 129, 2, 3],
      ],
      [[0x33, 0x33, 0, 1, 0, 2], address('ff02:0:0:0:0:0:1:2')],
    ])
    expect(port.received.map(frame => datagram(frame).text)).toEqual(new Array(5).fill('hello'))
    expect(datagram(port.received.at(-1)!)).toMatchObject({
      hops: 1,
      source: [...gateway.ip6.at(-1)!],
    })
  })

  test('a host sends the longest datagram that fits a frame, and none that is longer', async () => {
    const net = await addLan(memory)
    const most = { sourcePort: 1, port: 2, address: 0xffff_ffff, data: new Uint8Array(1472) }
    expect(net.hosts.sendUdp(net.gateway, most)).toBe(true)
    expect(net.hosts.sendUdp(net.gateway, { ...most, data: new Uint8Array(1473) })).toBe(false)
    memory.net.flush()
    settle(memory, net)
    expect(net.port.received.map(({ bytes }) => bytes.length)).toEqual([1514])
  })

  test('a host sends an ICMPv6 message from its link-local address, with its checksum filled in', async () => {
    const net = await addLan(memory)
    const data = Uint8Array.of(134, 0, 9, 9, 64, 0, 7, 8)
    expect(
      net.hosts.sendIcmpv6(net.gateway, {
        address: Uint8Array.from(address('ff02:0:0:0:0:0:0:1')),
        data,
      }),
    ).toBe(true)
    memory.net.flush()
    settle(memory, net)
    const [frame] = net.port.received.map(seen)
    expect(frame).toMatchObject({
      hops: 255,
      source: [...net.gateway.ip6.at(-1)!],
      to: [0x33, 0x33, 0, 0, 0, 1],
    })
    expect(frame?.transport.toSpliced(2, 2)).toEqual([134, 0, 64, 0, 7, 8])
  })

  test('a host does not send an ICMPv6 message too short for a checksum, and takes no memory for it', async () => {
    const net = await addLan(memory)
    const to = Uint8Array.from(address('ff02:0:0:0:0:0:0:1'))
    const { out } = memory.pool
    for (const length of [0, 1, 2, 3]) {
      expect(net.hosts.sendIcmpv6(net.gateway, { address: to, data: new Uint8Array(length) })).toBe(
        false,
      )
    }
    expect(memory.pool.out).toBe(out)
  })

  test('a frame from host to host is delayed, so that two that reply to each other for ever block no others', async () => {
    let rounds = 0
    const net = await addLan(memory, {
      hosts: [
        own((message, reply) => {
          rounds++
          reply(message.data)
        }),
        host({
          ip: '198.18.0.8',
          on: { udp: { 40000: (message, reply) => void reply(message.data) } },
        }),
      ],
    })
    const { hosts, segment } = net
    const to = { address: Uint8Array.from(OWN.ip), port: 53 }
    const from = hosts.byAddress(Uint8Array.of(198, 18, 0, 8))!
    for (const word of ['x', 'y']) {
      hosts.sendUdp(from, { sourcePort: 40000, ...to, data: octets(word) })
    }
    expect([rounds, segment.stats.held]).toEqual([0, 2])
    memory.clock.advance(2 * NSEC_PER_MSEC)
    expect(rounds).toBeGreaterThan(10)
    expect(segment.stats.held).toBe(2)
    settle(memory, net)
    hosts.close()
    settle(memory, net)
    expect(segment.stats.held).toBe(0)
  })
})
