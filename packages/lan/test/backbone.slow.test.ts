/** The gateway services of `vnet lan`, by frames, and the state that a reload keeps. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import type { Frame } from '#src/bed/memory-port.ts'
import { formatAddress, formatIpv4 } from '#src/packet/address.ts'
import {
  DHCPACK,
  DHCPDISCOVER,
  DHCPOFFER,
  DHCPREQUEST,
  DHO_HOST_NAME,
  parse,
} from '#src/packet/dhcp.ts'
import { ip, octetsOfMessage } from '#support/dhcp.ts'
import { freshNet } from '#support/memory-net.ts'
import { address } from '../../../test/packet/frames.ts'
import { host, type TcpHandler } from '../src/services/tcp-handlers.ts'
import { type BackboneNet, backbones, setupOf } from './backbone-net.ts'
import { textOf } from './lan-net.ts'
import {
  BROADCAST,
  CLIENT,
  CLIENT_MAC,
  CLIENT6,
  datagram,
  type End,
  GATEWAY,
  GATEWAY6,
  packet,
  ping,
  seen,
  udp,
} from './packets.ts'
import { naiveReply, query } from './services/dns-message.ts'

const memory = freshNet()
const addBackbone = backbones()

const NOBODY: End = { mac: CLIENT_MAC, ip: [0, 0, 0, 0] }
const EVERYBODY: End = { mac: BROADCAST, ip: [255, 255, 255, 255] }
const ALL_ROUTERS: End = { mac: [0x33, 0x33, 0, 0, 0, 2], ip: address('ff02:0:0:0:0:0:0:2') }
const SELF: End = { mac: CLIENT_MAC, ip: address('fe80:0:0:0:0:0:0:9') }

/** An ARP request of the client. */
function whoHas({ ip }: End): Uint8Array {
  const request = [...CLIENT.mac, ...CLIENT.ip, 0, 0, 0, 0, 0, 0, ...ip]
  return Uint8Array.from([...BROADCAST, ...CLIENT.mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, ...request])
}

/** Longer than the probe of an address that is to be offered, ns. */
const PROBE = 300 * NSEC_PER_MSEC
const isArp = ({ bytes }: Frame) => bytes[12] === 8 && bytes[13] === 6

/** Sends a message of a DHCP client without an address; returns the reply, its options as text. */
function dhcp(
  { ask, wait }: BackboneNet,
  type: number,
  options: [number, number[] | Uint8Array | string][] = [],
) {
  const octets = octetsOfMessage(type, Uint8Array.from(CLIENT_MAC), { options })
  const frames = [
    ...ask(udp(EVERYBODY, 67, [...octets], { from: NOBODY, sourcePort: 68 })),
    ...wait(PROBE),
  ]
  const [answer] = frames
    .filter(frame => !isArp(frame) && seen(frame).protocol === 17)
    .map(datagram)
  if (answer === undefined) return undefined
  const message = parse(Uint8Array.from(answer.data))
  return {
    ...answer,
    message,
    type: message?.options.get(53)?.[0],
    address: formatIpv4(message?.yiaddr ?? 0),
  }
}

/** Requests a lease for the client under this name. */
function lease(net: BackboneNet, name: string): string {
  const offer = dhcp(net, DHCPDISCOVER)
  expect(offer).toMatchObject({ type: DHCPOFFER, source: GATEWAY.ip, sourcePort: 67, port: 68 })
  const ack = dhcp(net, DHCPREQUEST, [
    [50, offer?.address as string],
    [54, '198.18.0.1'],
    [DHO_HOST_NAME, Buffer.from(name)],
  ])
  expect(ack).toMatchObject({ type: DHCPACK, address: offer?.address })
  return ack?.address as string
}

/** Resolves a name over UDP: its addresses, or the response code. */
function lookUp({ ask }: BackboneNet, name: string, type = 1): string[] | number {
  const [frame] = ask(udp(GATEWAY, 53, [...query(name, type)]))
  if (frame === undefined || seen(frame).protocol !== 17) return -1
  const answer = datagram(frame)
  const { rcode, answers } = naiveReply(Uint8Array.from(answer.data))
  return rcode === 0 ? answers.map(({ data }) => data) : rcode
}

const isAdvert = (frame: Frame) => seen(frame).protocol === 58 && seen(frame).transport[0] === 134
const lifetimeOf = ({ transport }: ReturnType<typeof seen>) => (transport[6]! << 8) | transport[7]!
const solicitation = (hops = 255, mac: readonly number[] = CLIENT_MAC) =>
  packet(ALL_ROUTERS, 58, [133, 0, 0, 0, 0, 0, 0, 0], { from: { ...SELF, mac: [...mac] }, hops })
/** The number of refused requests. */
function refusedBy({ backbone }: BackboneNet): number | undefined {
  const counters = [...backbone.entries(new Set(['counter'] as const))]
  return counters.flatMap(entry =>
    entry.kind === 'counter' && entry.name === 'refused' ? entry.value : [],
  )[0]
}

describe('the gateway', () => {
  test('the gateway leases an address with router, resolver and domain, and its DNS resolves the name of the client', async () => {
    const net = await addBackbone(memory, setupOf('dns: { domain: example.lan }'))
    const ack = dhcp(net, DHCPDISCOVER)
    const option = (code: number) => [...(ack?.message?.options.get(code) ?? [])]
    expect([option(3), option(6)]).toEqual([GATEWAY.ip, GATEWAY.ip])
    expect(Buffer.from(option(15)).toString()).toBe('example.lan')
    expect(lookUp(net, 'box.example.lan')).toBe(3)
    expect(lease(net, 'box')).toBe('198.18.0.100')
    expect(lookUp(net, 'box.example.lan')).toEqual(['198.18.0.100'])
    expect(lookUp(net, '100.0.18.198.in-addr.arpa', 12)).toEqual(['box.example.lan'])
  })

  test('the gateway does not offer the address of a host', async () => {
    const setup = setupOf('dhcp: { pool: 198.18.0.100-198.18.0.101 }', {
      hosts: [host({ ip: '198.18.0.100' })],
    })
    expect(lease(await addBackbone(memory, setup), 'box')).toBe('198.18.0.101')
  })

  test('the gateway probes an address by ARP before an offer, and offers another if a neighbour replies', async () => {
    const net = await addBackbone(memory, setupOf())
    const discover = octetsOfMessage(DHCPDISCOVER, Uint8Array.from(CLIENT_MAC))
    const requests = net
      .ask(udp(EVERYBODY, 67, [...discover], { from: NOBODY, sourcePort: 68 }))
      .filter(isArp)
    const target = [0, 0, 0, 0, 0, 0, 198, 18, 0, 100]
    expect(requests.map(({ bytes }) => [...bytes.subarray(0, 42)])).toEqual([
      [
        ...BROADCAST,
        ...GATEWAY.mac,
        8,
        6,
        0,
        1,
        8,
        0,
        6,
        4,
        0,
        1,
        ...GATEWAY.mac,
        ...GATEWAY.ip,
        ...target,
      ],
    ])
    const neighbour = [2, 0, 0, 0, 0, 8]
    const answer = [
      0,
      1,
      8,
      0,
      6,
      4,
      0,
      2,
      ...neighbour,
      198,
      18,
      0,
      100,
      ...GATEWAY.mac,
      ...GATEWAY.ip,
    ]
    net.ask(Uint8Array.from([...GATEWAY.mac, ...neighbour, 8, 6, ...answer]))
    net.wait(PROBE)
    const [offer] = net
      .wait(PROBE)
      .filter(frame => !isArp(frame) && seen(frame).protocol === 17)
      .map(datagram)
    expect(formatIpv4(parse(Uint8Array.from(offer?.data ?? []))?.yiaddr ?? 0)).toBe('198.18.0.101')
  })

  test('the gateway offers an address if its former client sends no ARP reply', async () => {
    const net = await addBackbone(
      memory,
      setupOf('dhcp: { pool: 198.18.0.100-198.18.0.100, leaseTime: 60 }'),
    )
    const had = [198, 18, 0, 100]
    expect(lease(net, 'box')).toBe('198.18.0.100')
    const announced = [0, 1, 8, 0, 6, 4, 0, 1, ...CLIENT_MAC, ...had, 0, 0, 0, 0, 0, 0, ...had]
    net.ask(Uint8Array.from([...BROADCAST, ...CLIENT_MAC, 8, 6, ...announced]))
    net.wait(61 * NSEC_PER_SEC)
    const other = octetsOfMessage(DHCPDISCOVER, Uint8Array.of(2, 0, 0, 0, 0, 77))
    net.ask(udp(EVERYBODY, 67, [...other], { from: NOBODY, sourcePort: 68 }))
    net.wait(PROBE)
    expect(memory.lines).toContain('DHCPOFFER(eth8) 198.18.0.100 02:00:00:00:00:4d')
  })

  test('the gateway resolves its own name and the names of configured, programmed and numbered hosts', async () => {
    const yaml =
      'hosts: [{ name: web, ip: 198.18.0.7, ip6: "2001:db8:0:1::7" }, { name: n%d, ip: 198.18.0.8, count: 2 }]'
    const setup = setupOf(yaml, { hosts: [host({ name: 'mine', ip: '198.18.0.20' })], count: 1 })
    const net = await addBackbone(memory, setup)
    const found = ['web.lan', 'n2.lan', 'mine.lan', 'host1.lan', 'gateway.lan'].map(name =>
      lookUp(net, name),
    )
    expect(found.flat()).toEqual([
      '198.18.0.7',
      '198.18.0.9',
      '198.18.0.20',
      '198.18.0.2',
      '198.18.0.1',
    ])
    expect(lookUp(net, 'web.lan', 28)).toEqual(['2001:db8:0:1::7'])
    expect(lookUp(net, 'example.com')).toBe(3)
  })

  test('the gateway replies to a valid router solicitation from its link-local address', async () => {
    const net = await addBackbone(memory, setupOf('ra: { mtu: 1400 }'))
    expect(net.wait(2 * NSEC_PER_SEC).filter(isAdvert)).toEqual([])
    net.ask(solicitation(254))
    expect(net.wait(5 * NSEC_PER_SEC).filter(isAdvert)).toEqual([])
    net.ask(solicitation())
    const [advert] = net
      .wait(4 * NSEC_PER_SEC)
      .filter(isAdvert)
      .map(seen)
    expect(advert).toMatchObject({
      from: GATEWAY.mac,
      source: address('fe80:0:0:0:4c:4eff:fe12:1'),
      hops: 255,
    })
    const octets = Buffer.from(advert?.transport ?? []).toString('hex')
    expect(octets).toContain(`0101${Buffer.from(GATEWAY.mac).toString('hex')}`)
    expect(octets).toContain('0501000000000578')
    expect(octets).toContain('20010db8000000010000000000000000')
  })

  test('the gateway replies to stateless DHCPv6', async () => {
    const { ask } = await addBackbone(memory, setupOf())
    const group: End = { mac: [0x33, 0x33, 0, 1, 0, 2], ip: address('ff02:0:0:0:0:0:1:2') }
    const [answer] = ask(
      udp(group, 547, [11, 1, 2, 3, 0, 8, 0, 2, 0, 0], { from: SELF, sourcePort: 546 }),
    ).map(datagram)
    expect(answer).toMatchObject({ port: 546, sourcePort: 547, destination: SELF.ip })
    expect(answer?.data.slice(0, 4)).toEqual([7, 1, 2, 3])
    expect(Buffer.from(answer?.data ?? []).toString('hex')).toContain(
      Buffer.from(GATEWAY6.ip).toString('hex'),
    )
  })

  test('the gateway serves 20 of the DHCP requests that flood it, counts the rest, and serves other clients', async () => {
    const net = await addBackbone(memory, setupOf('dns: false'))
    const had = lease(net, 'box')
    const renewal = octetsOfMessage(DHCPREQUEST, Uint8Array.from(CLIENT_MAC), { ciaddr: ip(had) })
    const flood = [...Array(1000)].flatMap(() =>
      net.ask(udp(GATEWAY, 67, [...renewal], { sourcePort: 68 })),
    )
    expect(flood).toHaveLength(20)
    expect(refusedBy(net)).toBe(1000 - 20)
    const other = octetsOfMessage(DHCPDISCOVER, Uint8Array.of(2, 0, 0, 0, 0, 77))
    net.ask(udp(EVERYBODY, 67, [...other], { from: NOBODY, sourcePort: 68 }))
    expect(memory.lines).toContain('DHCPDISCOVER(eth8) 02:00:00:00:00:4d')
    net.wait(10 * NSEC_PER_SEC)
    expect(memory.lines).toContain('DHCPOFFER(eth8) 198.18.0.101 02:00:00:00:00:4d')
    const logged = memory.lines.filter(line => /^DHCP(REQUEST|ACK)/.test(line))
    expect(logged).toHaveLength(2 * 21)
  })

  test('the gateway resolves 2,000 of the names that flood it, counts the rest, and serves other clients', async () => {
    const net = await addBackbone(memory, setupOf())
    const question = udp(GATEWAY, 53, [...query('router', 1)])
    const replies = [...Array(3000)].flatMap(() => net.ask(question))
    expect(replies).toHaveLength(2000)
    expect(refusedBy(net)).toBe(1000)
    net.wait(NSEC_PER_SEC / 1000)
    expect(net.ask(question)).toHaveLength(1)
    const other = { ...CLIENT, mac: [2, 0, 0, 0, 0, 77] }
    expect(net.ask(udp(GATEWAY, 53, [...query('router', 1)], { from: other }))).toHaveLength(1)
  })

  test('the gateway resolves over TCP for a client when floods over UDP and of a similar address wait', async () => {
    const net = await addBackbone(memory, setupOf())
    const { hosts, gateway } = net.backbone.population
    const serve = hosts.table.kind(gateway.index).tcp.get(53) as TcpHandler
    const connect = (remoteAddress: string) => {
      const [client, server] = duplexPair() as [Duplex, Duplex]
      serve(Object.assign(server, { remoteAddress, setTimeout() {} }) as unknown as Socket, gateway)
      return { client, server }
    }
    const question = [...query('router', 1)]
    const message = Uint8Array.of(0, question.length, ...question)
    // The end of this hardware address, and of this IPv6 address, is the address of the client.
    const spoofed = { ...CLIENT, mac: [0, 0, 198, 18, 0, 9] }
    for (let n = 0; n < 2001; n++) {
      net.ask(udp(GATEWAY, 53, question, { from: spoofed }))
    }
    expect(refusedBy(net)).toBe(1)
    const flooding = connect('2001:db8::198.18.0.9')
    for (let n = 0; n < 2001; n++) {
      flooding.client.write(message)
    }
    let received = 0
    let replies = 0
    for await (const chunk of flooding.client.iterator({ destroyOnReturn: false })) {
      received += chunk.length
      replies = received / (2 + (chunk as Buffer).readUInt16BE(0))
      if (replies === 2000) break
    }
    expect([replies, flooding.server.destroyed, refusedBy(net)]).toEqual([2000, false, 1])
    const { client } = connect('::ffff:198.18.0.9')
    client.end(message)
    const [reply] = await once(client, 'data')
    expect(reply.length).toBeGreaterThan(message.length)
  })

  test('5,000 router solicitations cause a hundred log lines and one advertisement', async () => {
    const net = await addBackbone(memory, setupOf())
    net.wait(3 * NSEC_PER_SEC)
    for (let n = 0; n < 5000; n++) {
      net.ask(solicitation(255, [2, 0, 0, 1, n >> 8, n & 255]))
    }
    expect(net.wait(4 * NSEC_PER_SEC).filter(isAdvert)).toHaveLength(1)
    net.wait(7 * NSEC_PER_SEC)
    const logged = memory.lines.filter(line => line.startsWith('RTR-SOLICIT'))
    expect([logged.length, logged.at(-1)]).toEqual([
      101,
      'RTR-SOLICIT(eth8): 900 similar lines suppressed',
    ])
    expect(refusedBy(net)).toBe(4000)
  })

  test('the gateway offers no service that is turned off', async () => {
    const net = await addBackbone(memory, setupOf('dhcp: false\ndns: false\nra: false'))
    expect(dhcp(net, DHCPDISCOVER)).toBeUndefined()
    expect(lookUp(net, 'gateway.lan')).toBe(-1)
    net.ask(solicitation())
    expect(net.wait(5 * NSEC_PER_SEC)).toEqual([])
    expect(net.ask(ping(GATEWAY))).toHaveLength(1)
    expect(net.backbone.dhcp).toBeUndefined()
  })

  test('the gateway works without IPv6', async () => {
    const net = await addBackbone(memory, setupOf('network6: false', { count: 2 }))
    expect(
      net.ask(ping({ ...GATEWAY, ip: GATEWAY.ip.with(3, 2), mac: GATEWAY.mac.with(5, 2) })),
    ).toHaveLength(1)
    expect(net.ask(solicitation())).toEqual([])
    expect(lease(net, 'box')).toBe('198.18.0.100')
    expect(lookUp(net, 'host1.lan', 28)).toEqual([])
  })
})

test('without the right to create a namespace everything but TCP works, and one warning says so', async () => {
  const { ask } = await addBackbone(memory, setupOf('', { count: 1 }))
  expect(memory.lines.filter(line => /TCP/.test(line))).toEqual([
    expect.stringMatching(/^no TCP on the hosts: unshare\(CLONE_NEWNET\): EPERM/),
  ])
  const syn = [0x9c, 0x40, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0]
  const [answer] = ask(packet(GATEWAY, 6, syn)).map(seen)
  expect(answer?.transport[13]).toBe(0x14)
})

describe('a reload', () => {
  const old = 'hosts: [{ name: web, ip: 198.18.0.7 }]'
  const web = (octet: number): End => ({
    mac: GATEWAY.mac.with(5, octet),
    ip: GATEWAY.ip.with(3, octet),
  })

  test('a reload adds and removes hosts, and keeps ports and neighbours', async () => {
    const net = await addBackbone(memory, setupOf(old))
    net.ask(whoHas(web(7)))
    const before = net.backbone.population.hosts
    before.neighbours6.learn(Uint8Array.from(CLIENT6.ip), 0, Uint8Array.from(CLIENT6.mac), 0)
    const known = [textOf(before.neighbours4.entries()), textOf(before.neighbours6.entries())]
    expect(known).toEqual([
      ['198.18.0.50 02:00:00:00:00:09'],
      ['2001:db8:0:1::50 02:00:00:00:00:09'],
    ])
    net.backbone.reload(setupOf(old.replaceAll('7', '8')))
    expect([net.ask(ping(web(7))).length, net.ask(ping(web(8))).length]).toEqual([0, 1])
    const { hosts } = net.backbone.population
    expect(net.segment.stations).toContain(hosts)
    expect(net.segment.stations).not.toContain(before)
    expect([textOf(hosts.neighbours4.entries()), textOf(hosts.neighbours6.entries())]).toEqual(
      known,
    )
    expect([lookUp(net, 'web.lan')]).toEqual([['198.18.0.8']])
  })

  test('a reload keeps leases, even through a configuration without DHCP', async () => {
    const net = await addBackbone(memory, setupOf())
    lease(net, 'box')
    net.backbone.reload(setupOf('dns: { domain: other }'))
    expect([lookUp(net, 'box.other'), net.backbone.dhcp?.leases().length]).toEqual([
      ['198.18.0.100'],
      1,
    ])
    net.backbone.reload(setupOf('dhcp: false'))
    expect([lookUp(net, 'box.lan'), net.backbone.dhcp, dhcp(net, DHCPDISCOVER)]).toEqual([
      3,
      undefined,
      undefined,
    ])
    net.backbone.reload(setupOf('dhcp: { pool: 198.18.0.90-198.18.0.101 }'))
    expect([lookUp(net, 'box.lan'), dhcp(net, DHCPDISCOVER)?.address]).toEqual([
      ['198.18.0.100'],
      '198.18.0.100',
    ])
  })

  test('a reload with an invalid setup throws and changes nothing', async () => {
    const net = await addBackbone(memory, setupOf(`dhcp: false\n${old}`))
    const { population } = net.backbone
    const clash = setupOf(old, { hosts: [host({ ip: '198.18.0.7' })] })
    expect(() => net.backbone.reload(clash)).toThrow(/EEXIST/)
    net.store.load = () => {
      throw new Error('the disk is gone')
    }
    expect(() => net.backbone.reload(setupOf())).toThrow('the disk is gone')
    expect([net.backbone.population === population, net.segment.stations.length]).toEqual([true, 2])
    expect([net.ask(ping(web(7))).length, lookUp(net, 'web.lan')]).toEqual([1, ['198.18.0.7']])
  })

  test('a reload advertises the new values, and the end of a router only if it has ended', async () => {
    const net = await addBackbone(memory, setupOf())
    net.wait(60 * NSEC_PER_SEC)
    const adverts = (yaml: string) => {
      net.backbone.reload(setupOf(yaml))
      return net
        .wait(5 * NSEC_PER_SEC)
        .filter(isAdvert)
        .map(seen)
    }
    const [changed, ...more] = adverts('ra: { mtu: 1400, maxInterval: 4 }')
    expect(lifetimeOf(changed!)).toBe(12)
    expect(Buffer.from(changed!.transport).toString('hex')).toContain('0501000000000578')
    expect(more.every(advert => lifetimeOf(advert) === 12)).toBe(true)
    expect(net.wait(20 * NSEC_PER_SEC).filter(isAdvert).length).toBeGreaterThanOrEqual(5)
    expect(adverts('ra: false').map(lifetimeOf)).toEqual([0])
    expect(net.wait(600 * NSEC_PER_SEC)).toEqual([])
    expect(adverts('').map(lifetimeOf)[0]).toBe(1800)
    expect(adverts('network6: false').map(lifetimeOf)).toEqual([0])
  })

  test('a reload calls the function that `start` returned, and then `start` again; so does the end', async () => {
    const calls: unknown[] = []
    const net = await addBackbone(memory, setupOf(old), ({ hosts, gateway, segment, net }) => {
      const web = hosts.byName('web')
      calls.push([
        web?.ip.map(formatAddress).join(),
        gateway.name,
        segment.stations.includes(hosts),
        typeof net.clock.now,
      ])
      return () => void calls.push('end')
    })
    net.backbone.reload(setupOf(old.replaceAll('7', '8')))
    await net.backbone[Symbol.asyncDispose]()
    await net.backbone[Symbol.asyncDispose]()
    const call = (ip: string) => [ip, 'gateway', true, 'function']
    expect(calls).toEqual([call('198.18.0.7'), 'end', call('198.18.0.8'), 'end'])
  })
})
