import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '#src/packet/tcp.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, SKB_GSO_TCPV6, type SkBuff } from '#src/skb/sk-buff.ts'
import { type MemoryNet, memoryNets } from '#support/memory-net.ts'
import { skbOf } from '#support/skb.ts'
import { address } from '../../../../test/packet/frames.ts'
import type { Services } from '../../src/machines/state.ts'
import { addLan, type LanNet, settle } from '../lan-net.ts'
import {
  CLIENT,
  CLIENT6,
  GATEWAY,
  GATEWAY6,
  packet,
  type Seen,
  seen,
  tcp,
  udp,
  word16,
} from '../packets.ts'

const makeNet = memoryNets()
const families = [
  ['IPv4', GATEWAY, CLIENT, SKB_GSO_TCPV4],
  ['IPv6', GATEWAY6, CLIENT6, SKB_GSO_TCPV6],
] as const

const long = (octets: number[], at: number) => word16(octets, at) * 0x10000 + word16(octets, at + 2)
const segmentOf = ({ transport }: Seen) => ({
  ports: [word16(transport, 0), word16(transport, 2)],
  sequence: long(transport, 4),
  acknowledgment: long(transport, 8),
  flags: transport[13],
  rest: [transport[12], ...transport.slice(14, 16), ...transport.slice(18)],
})

describe.each(families)('a closed TCP port over %s', (_, gateway, client, gsoType) => {
  const headers = 14 + (gateway.ip.length === 4 ? 20 : 40)
  const back = {
    to: client.mac,
    from: gateway.mac,
    source: gateway.ip,
    destination: client.ip,
    hops: 64,
    protocol: 6,
  }
  const reset = { ports: [80, 40000], rest: [0x50, 0, 0, 0, 0] }

  test.each([
    ['a SYN', { flags: TCP_SYN, sequence: 0xffff_ffff }, { acknowledgment: 0 }],
    ['a SYN with data', { flags: TCP_SYN, sequence: 7, data: [1, 2, 3] }, { acknowledgment: 11 }],
    ['a FIN', { flags: TCP_FIN, sequence: 7 }, { acknowledgment: 8 }],
    ['data', { flags: TCP_PSH, sequence: 7, data: [1, 2, 3] }, { acknowledgment: 10 }],
    ['no data', { flags: 0, sequence: 7 }, { acknowledgment: 7 }],
  ])('a segment without ACK, with %s, is acknowledged and reset', async (_, options, expected) => {
    const { ask, hosts } = await addLan(makeNet())
    const [answer] = ask(tcp(gateway, 80, options)).map(seen)
    expect(answer).toMatchObject(back)
    expect(segmentOf(answer!)).toEqual({
      ...reset,
      ...expected,
      sequence: 0,
      flags: TCP_RST | TCP_ACK,
    })
    expect(hosts.counters.reset).toBe(1)
  })

  test('a segment with ACK is reset at its acknowledgment number', async () => {
    const { ask } = await addLan(makeNet())
    const options = {
      flags: TCP_ACK | TCP_PSH,
      sequence: 7,
      acknowledgment: 0x8000_0001,
      data: [1, 2, 3],
    }
    const [answer] = ask(tcp(gateway, 80, options)).map(seen)
    expect(segmentOf(answer!)).toEqual({
      ...reset,
      sequence: 0x8000_0001,
      acknowledgment: 0,
      flags: TCP_RST,
    })
  })

  test('a GSO frame is reset as one segment with all its data', async () => {
    const { ask } = await addLan(makeNet())
    const options = {
      flags: TCP_PSH,
      sequence: 7,
      data: new Array(3000).fill(1),
      sum: 'partial',
    } as const
    const info = {
      ipSummed: CHECKSUM_PARTIAL,
      csumStart: headers,
      csumOffset: 16,
      gsoSize: 1000,
      gsoType,
    }
    const [answer, ...more] = ask(tcp(gateway, 80, options), info)
    expect([answer?.gsoSize, answer?.ipSummed, more]).toEqual([0, 0, []])
    expect(segmentOf(seen(answer!)).acknowledgment).toBe(3007)
  })

  test('a RST gets no reply, and a segment that is cut or has a wrong checksum is dropped', async () => {
    const { ask, segment, drops } = await addLan(makeNet())
    expect(ask(tcp(gateway, 80, { flags: TCP_RST }))).toEqual([])
    expect(segment.stats.taken).toBe(1)
    expect(ask(tcp(gateway, 80, { flags: TCP_SYN, sum: 'wrong' }))).toEqual([])
    expect(ask(packet(gateway, 6, new Array(19).fill(0)))).toEqual([])
    expect(drops()).toEqual({ TCP_CSUM: 1, L4_HDR: 1 })
  })
})

describe.each(families)('an open TCP port over %s', (_, gateway, client) => {
  const MAC = [2, 0, 0, 0, 7, 7]

  /** Keeps the frames that it receives. */
  class Fake implements Services {
    readonly address = Uint8Array.from(MAC)
    readonly got: number[][] = []
    readonly infos: object[] = []
    readonly #outside: { kept: number }
    constructor(outside: { kept: number }) {
      this.#outside = outside
    }
    receive(skb: SkBuff): void {
      const { bytes, data, len, ipSummed, gsoSize } = skb
      this.got.push([...bytes.slice(data, data + len)])
      this.infos.push({ ipSummed, gsoSize })
      this.#outside.kept++
      skb.free()
    }
  }

  async function withServices(memory = makeNet(), options = {}) {
    const net = await addLan(memory, options)
    const services = new Fake(net.outside)
    net.hosts.services = services
    return { ...net, services, memory }
  }

  function send(
    { hosts, outside, memory }: LanNet & { memory: MemoryNet },
    octets: Uint8Array,
  ): void {
    const skb = skbOf(memory.pool, octets)
    outside.kept--
    hosts.fromServices(skb)
  }

  test('the services get frames to open ports with only the hardware address changed', async () => {
    const { ask, services, segment } = await withServices(makeNet(), {
      hosts: [{ ip: '198.18.0.7', on: { tcp: { 80: true } } }],
    })
    const frames = [7, 9, 13, 19].map(port => tcp(gateway, port, { flags: TCP_SYN }))
    expect(ask(frames)).toEqual([])
    expect(services.got).toEqual(frames.map(frame => [...MAC, ...frame.subarray(6)]))
    expect(segment.stats.out).toBe(4)
    expect(ask(tcp(gateway, 80, { flags: TCP_SYN }))).toHaveLength(1)
    expect(
      ask(
        tcp({ mac: [2, 0x4c, 0x4e, 18, 0, 7], ip: address('198.18.0.7') }, 80, { flags: TCP_SYN }),
      ),
    ).toEqual([])
    expect(services.got).toHaveLength(5)
  })

  test('the services get 1,000 new connections of a client, then 200 per second, besides other clients’', async () => {
    const { ask, services, hosts, memory } = await withServices()
    const open = (count: number, from = client) =>
      ask(
        Array.from({ length: count }, () =>
          Uint8Array.from(tcp(gateway, 7, { flags: TCP_SYN, from })),
        ),
      )
    for (let n = 0; n < 1500; n += 50) {
      open(50)
    }
    expect([services.got.length, hosts.counters.refused]).toEqual([1000, 500])
    memory.clock.advance(NSEC_PER_SEC)
    for (let n = 0; n < 300; n += 50) {
      open(50)
    }
    expect([services.got.length, hosts.counters.refused]).toEqual([1200, 600])
    open(1, { ...client, mac: [2, 0, 0, 0, 0, 77] })
    // A segment of an open connection does not count.
    ask(tcp(gateway, 7, { flags: TCP_ACK }))
    expect(services.got.length).toBe(1202)
  })

  test('the services get offloaded frames as they are', async () => {
    const { ask, services } = await withServices()
    const info = {
      ipSummed: CHECKSUM_PARTIAL,
      csumStart: 34,
      csumOffset: 16,
      gsoSize: 1000,
      gsoType: SKB_GSO_TCPV4,
    }
    ask(tcp(gateway, 7, { flags: TCP_ACK, data: new Array(3000).fill(1), sum: 'partial' }), info)
    expect(services.infos).toEqual([{ ipSummed: CHECKSUM_PARTIAL, gsoSize: 1000 }])
  })

  test('service frames go to the client with the host’s address, whatever their hardware address', async () => {
    const net = await withServices()
    const { port, memory, segment } = net
    net.ask(tcp(gateway, 7, { flags: TCP_SYN }))
    const answer = tcp({ mac: MAC, ip: client.ip }, 40000, {
      from: { mac: MAC, ip: gateway.ip },
      flags: TCP_SYN | TCP_ACK,
    })
    send(net, answer)
    memory.net.flush()
    settle(memory, net)
    const received = port.received.at(-1)!.bytes
    expect([...received.slice(0, answer.length)]).toEqual([
      ...client.mac,
      ...gateway.mac,
      ...answer.subarray(12),
    ])
    expect(segment.stats).toMatchObject({ in: 2, out: 2, dropped: 0 })
  })

  test('the services get ICMP errors about open ports only', async () => {
    const { ask, services } = await withServices()
    const isIpv4 = gateway.ip.length === 4
    const about = (frame: Uint8Array) =>
      packet(gateway, isIpv4 ? 1 : 58, [isIpv4 ? 3 : 1, 4, 0, 0, 0, 0, 0, 0, ...frame.subarray(14)])
    const quoted = (sourcePort: number) => {
      const frame = tcp(client, 40000, { from: gateway, flags: TCP_ACK })
      frame.set([sourcePort >> 8, sourcePort], 14 + (isIpv4 ? 20 : 40))
      return frame
    }
    expect(
      ask([
        about(quoted(7)),
        about(quoted(80)),
        about(udp(client, 40000, 'x', { from: gateway, sourcePort: 7 })),
      ]),
    ).toEqual([])
    expect(services.got).toHaveLength(1)
  })

  test('frames from the services with no host’s address, or to an unknown client, are not sent', async () => {
    const memory = makeNet()
    const net = await withServices(memory)
    const stranger = { mac: MAC, ip: client.ip }
    send(net, tcp({ mac: MAC, ip: gateway.ip }, 1, { from: stranger, flags: TCP_SYN }))
    send(net, tcp(stranger, 1, { from: { mac: MAC, ip: gateway.ip }, flags: TCP_SYN }))
    send(net, Uint8Array.from([...GATEWAY.mac, ...MAC, 8, 6, 0, 1]))
    send(net, new Uint8Array(10))
    expect([net.port.received, net.segment.stats.taken, net.drops()]).toEqual([
      [],
      3,
      { NEIGH_FAILED: 1 },
    ])
    settle(memory, net)
  })
})
