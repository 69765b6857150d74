/** What the gateway of `vnet lan` does for clients, by frames, and what a reload keeps. */
import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '../../src/core/clock.ts'
import { DHCPACK, DHCPDISCOVER, DHCPOFFER, DHCPREQUEST, DHO_HOST_NAME, parse } from '../../src/header/dhcp.ts'
import { formatAddress } from '../../src/header/ip-address.ts'
import { formatAddress as formatIpv4 } from '../../src/header/ipv4.ts'
import { host } from '../../src/lan/host.ts'
import type { Frame } from '../../src/testing/memory-port.ts'
import { address } from '../header/frames.ts'
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
} from '../segment/packets.ts'
import { ip, octetsOfMessage } from '../support/dhcp.ts'
import { memoryNets } from '../support/memory-net.ts'
import { type BackboneNet, backbones, setupOf } from './backbone-net.ts'
import { naiveReply, query } from './dns-message.ts'

const makeNet = memoryNets()
const addBackbone = backbones()

const NOBODY: End = { mac: CLIENT_MAC, ip: [0, 0, 0, 0] }
const EVERYBODY: End = { mac: BROADCAST, ip: [255, 255, 255, 255] }
const ALL_ROUTERS: End = { mac: [0x33, 0x33, 0, 0, 0, 2], ip: address('ff02:0:0:0:0:0:0:2') }
const SELF: End = { mac: CLIENT_MAC, ip: address('fe80:0:0:0:0:0:0:9') }

/** The client asks by ARP. */
function whoHas({ ip }: End): Uint8Array {
  const request = [...CLIENT.mac, ...CLIENT.ip, 0, 0, 0, 0, 0, 0, ...ip]
  return Uint8Array.from([...BROADCAST, ...CLIENT.mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, ...request])
}

/** Messages of a DHCP client without an address; the answer, its options as text. */
function dhcp({ ask }: BackboneNet, type: number, options: [number, number[] | Uint8Array | string][] = []) {
  const octets = octetsOfMessage(type, Uint8Array.from(CLIENT_MAC), { options })
  const [answer] = ask(udp(EVERYBODY, 67, [...octets], { from: NOBODY, sourcePort: 68 })).map(datagram)
  if (answer === undefined) return undefined
  const message = parse(Uint8Array.from(answer.data))
  return { ...answer, message, type: message?.options.get(53)?.[0], address: formatIpv4(message?.yiaddr ?? 0) }
}

/** A lease for the client under this name. */
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

/** Addresses of a name, or why there are none, as the gateway says by UDP. */
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
/** Requests that the gateway refused. */
function refusedBy({ backbone }: BackboneNet): number | undefined {
  const counters = [...backbone.entries(new Set(['counter'] as const))]
  return counters.flatMap(entry => (entry.kind === 'counter' && entry.name === 'refused' ? entry.value : []))[0]
}

describe('the gateway', () => {
  test('gives a lease, whose name the DNS knows, and router, resolver and domain with it', async () => {
    const net = await addBackbone(makeNet(), setupOf('dns: { domain: example.lan }'))
    const ack = dhcp(net, DHCPDISCOVER)
    const option = (code: number) => [...(ack?.message?.options.get(code) ?? [])]
    expect([option(3), option(6)]).toEqual([GATEWAY.ip, GATEWAY.ip])
    expect(Buffer.from(option(15)).toString()).toBe('example.lan')
    expect(lookUp(net, 'box.example.lan')).toBe(3)
    expect(lease(net, 'box')).toBe('198.18.0.100')
    expect(lookUp(net, 'box.example.lan')).toEqual(['198.18.0.100'])
    expect(lookUp(net, '100.0.18.198.in-addr.arpa', 12)).toEqual(['box.example.lan'])
  })

  test('gives away no address that a host has', async () => {
    const setup = setupOf('dhcp: { pool: 198.18.0.100-198.18.0.101 }', { hosts: [host({ ip: '198.18.0.100' })] })
    expect(lease(await addBackbone(makeNet(), setup), 'box')).toBe('198.18.0.101')
  })

  test('knows hosts of the configuration, of code, and counted ones by name, itself too', async () => {
    const yaml =
      'hosts: [{ name: web, ip: 198.18.0.7, ip6: "2001:db8:0:1::7" }, { name: n%d, ip: 198.18.0.8, count: 2 }]'
    const setup = setupOf(yaml, { hosts: [host({ name: 'mine', ip: '198.18.0.20' })], count: 1 })
    const net = await addBackbone(makeNet(), setup)
    const found = ['web.lan', 'n2.lan', 'mine.lan', 'host1.lan', 'gateway.lan'].map(name => lookUp(net, name))
    expect(found.flat()).toEqual(['198.18.0.7', '198.18.0.9', '198.18.0.20', '198.18.0.2', '198.18.0.1'])
    expect(lookUp(net, 'web.lan', 28)).toEqual(['2001:db8:0:1::7'])
    expect(lookUp(net, 'example.com')).toBe(3)
  })

  test('advertises itself, from its link-local address, when it is solicited well', async () => {
    const net = await addBackbone(makeNet(), setupOf('ra: { mtu: 1400 }'))
    expect(net.wait(2 * NSEC_PER_SEC).filter(isAdvert)).toEqual([])
    net.ask(solicitation(254))
    expect(net.wait(5 * NSEC_PER_SEC).filter(isAdvert)).toEqual([])
    net.ask(solicitation())
    const [advert] = net
      .wait(4 * NSEC_PER_SEC)
      .filter(isAdvert)
      .map(seen)
    expect(advert).toMatchObject({ from: GATEWAY.mac, source: address('fe80:0:0:0:4c:4eff:fe12:1'), hops: 255 })
    const octets = Buffer.from(advert?.transport ?? []).toString('hex')
    expect(octets).toContain(`0101${Buffer.from(GATEWAY.mac).toString('hex')}`)
    expect(octets).toContain('0501000000000578')
    expect(octets).toContain('20010db8000000010000000000000000')
  })

  test('answers stateless DHCPv6', async () => {
    const { ask } = await addBackbone(makeNet(), setupOf())
    const group: End = { mac: [0x33, 0x33, 0, 1, 0, 2], ip: address('ff02:0:0:0:0:0:1:2') }
    const [answer] = ask(udp(group, 547, [11, 1, 2, 3, 0, 8, 0, 2, 0, 0], { from: SELF, sourcePort: 546 })).map(
      datagram,
    )
    expect(answer).toMatchObject({ port: 546, sourcePort: 547, destination: SELF.ip })
    expect(answer?.data.slice(0, 4)).toEqual([7, 1, 2, 3])
    expect(Buffer.from(answer?.data ?? []).toString('hex')).toContain(Buffer.from(GATEWAY6.ip).toString('hex'))
  })

  test('serves a client that floods it 20 times, counts the rest, and serves others as before', async () => {
    const memory = makeNet()
    const net = await addBackbone(memory, setupOf('dns: false'))
    const had = lease(net, 'box')
    const renewal = octetsOfMessage(DHCPREQUEST, Uint8Array.from(CLIENT_MAC), { ciaddr: ip(had) })
    const flood = [...Array(5000)].flatMap(() => net.ask(udp(GATEWAY, 67, [...renewal], { sourcePort: 68 })))
    expect(flood).toHaveLength(18)
    expect(refusedBy(net)).toBe(5000 - 18)
    const other = octetsOfMessage(DHCPDISCOVER, Uint8Array.of(2, 0, 0, 0, 0, 77))
    expect(net.ask(udp(EVERYBODY, 67, [...other], { from: NOBODY, sourcePort: 68 }))).toHaveLength(1)
    net.wait(10 * NSEC_PER_SEC)
    const told = memory.lines.filter(line => /^DHCP(REQUEST|ACK)/.test(line))
    expect(told).toHaveLength(2 * 19)
  })

  test('resolves 2,000 names of a client that floods it, counts the rest, and resolves those of others', async () => {
    const net = await addBackbone(makeNet(), setupOf())
    const question = udp(GATEWAY, 53, [...query('router', 1)])
    const replies = [...Array(3000)].flatMap(() => net.ask(question))
    expect(replies).toHaveLength(2000)
    expect(refusedBy(net)).toBe(1000)
    net.wait(NSEC_PER_SEC / 1000)
    expect(net.ask(question)).toHaveLength(1)
    const other = { ...CLIENT, mac: [2, 0, 0, 0, 0, 77] }
    expect(net.ask(udp(GATEWAY, 53, [...query('router', 1)], { from: other }))).toHaveLength(1)
  })

  test('writes a hundred lines about 20,000 router solicitations, counts the others, and advertises itself once', async () => {
    const memory = makeNet()
    const net = await addBackbone(memory, setupOf())
    net.wait(3 * NSEC_PER_SEC)
    for (let n = 0; n < 20_000; n++) net.ask(solicitation(255, [2, 0, 0, 1, n >> 8, n & 255]))
    expect(net.wait(4 * NSEC_PER_SEC).filter(isAdvert)).toHaveLength(1)
    net.wait(7 * NSEC_PER_SEC)
    const told = memory.lines.filter(line => line.startsWith('RTR-SOLICIT'))
    expect([told.length, told.at(-1)]).toEqual([101, 'RTR-SOLICIT(eth8): and 900 more in 10 s'])
    expect(refusedBy(net)).toBe(19_000)
  })

  test('does nothing of this where it is turned off', async () => {
    const net = await addBackbone(makeNet(), setupOf('dhcp: false\ndns: false\nra: false'))
    expect(dhcp(net, DHCPDISCOVER)).toBeUndefined()
    expect(lookUp(net, 'gateway.lan')).toBe(-1)
    net.ask(solicitation())
    expect(net.wait(5 * NSEC_PER_SEC)).toEqual([])
    expect(net.ask(ping(GATEWAY))).toHaveLength(1)
    expect(net.backbone.dhcp).toBeUndefined()
  })

  test('is there on IPv4 alone', async () => {
    const net = await addBackbone(makeNet(), setupOf('network6: false', { count: 2 }))
    expect(net.ask(ping({ ...GATEWAY, ip: GATEWAY.ip.with(3, 2), mac: GATEWAY.mac.with(5, 2) }))).toHaveLength(1)
    expect(net.ask(solicitation())).toEqual([])
    expect(lease(net, 'box')).toBe('198.18.0.100')
    expect(lookUp(net, 'host1.lan', 28)).toEqual([])
  })
})

test('without the right to a namespace all is there but TCP, which is told of once', async () => {
  const memory = makeNet()
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
  const web = (octet: number): End => ({ mac: GATEWAY.mac.with(5, octet), ip: GATEWAY.ip.with(3, octet) })

  test('puts hosts on the segment and takes others away; ports stay, and who was heard', async () => {
    const net = await addBackbone(makeNet(), setupOf(old))
    net.ask(whoHas(web(7)))
    const before = net.backbone.population.hosts
    before.neighbours6.learn(Uint8Array.from(CLIENT6.ip), 0, Uint8Array.from(CLIENT6.mac), 0)
    const known = [before.neighbours4.entries(), before.neighbours6.entries()]
    expect(known).toEqual([
      [{ address: '198.18.0.50', mac: '02:00:00:00:00:09' }],
      [{ address: '2001:db8:0:1::50', mac: '02:00:00:00:00:09' }],
    ])
    net.backbone.reload(setupOf(old.replaceAll('7', '8')))
    expect([net.ask(ping(web(7))).length, net.ask(ping(web(8))).length]).toEqual([0, 1])
    const { hosts } = net.backbone.population
    expect(net.segment.stations).toContain(hosts)
    expect(net.segment.stations).not.toContain(before)
    expect([hosts.neighbours4.entries(), hosts.neighbours6.entries()]).toEqual(known)
    expect([lookUp(net, 'web.lan')]).toEqual([['198.18.0.8']])
  })

  test('keeps leases, also over a time without a pool', async () => {
    const net = await addBackbone(makeNet(), setupOf())
    lease(net, 'box')
    net.backbone.reload(setupOf('dns: { domain: other }'))
    expect([lookUp(net, 'box.other'), net.backbone.dhcp?.leases().length]).toEqual([['198.18.0.100'], 1])
    net.backbone.reload(setupOf('dhcp: false'))
    expect([lookUp(net, 'box.lan'), net.backbone.dhcp, dhcp(net, DHCPDISCOVER)]).toEqual([3, undefined, undefined])
    net.backbone.reload(setupOf('dhcp: { pool: 198.18.0.90-198.18.0.101 }'))
    expect([lookUp(net, 'box.lan'), dhcp(net, DHCPDISCOVER)?.address]).toEqual([['198.18.0.100'], '198.18.0.100'])
  })

  test('that cannot be is refused, and all stays as it was', async () => {
    const net = await addBackbone(makeNet(), setupOf(`dhcp: false\n${old}`))
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

  test('advertises what is new, and says nothing of an end but where there is one', async () => {
    const net = await addBackbone(makeNet(), setupOf())
    net.wait(60 * NSEC_PER_SEC)
    const told = (yaml: string) => {
      net.backbone.reload(setupOf(yaml))
      return net
        .wait(5 * NSEC_PER_SEC)
        .filter(isAdvert)
        .map(seen)
    }
    const [changed, ...more] = told('ra: { mtu: 1400, maxInterval: 4 }')
    expect(lifetimeOf(changed!)).toBe(12)
    expect(Buffer.from(changed!.transport).toString('hex')).toContain('0501000000000578')
    expect(more.every(advert => lifetimeOf(advert) === 12)).toBe(true)
    expect(net.wait(20 * NSEC_PER_SEC).filter(isAdvert).length).toBeGreaterThanOrEqual(5)
    expect(told('ra: false').map(lifetimeOf)).toEqual([0])
    expect(net.wait(600 * NSEC_PER_SEC)).toEqual([])
    expect(told('').map(lifetimeOf)[0]).toBe(1800)
  })

  test('ends what `start` began before it starts again; so does the end', async () => {
    const calls: unknown[] = []
    const net = await addBackbone(makeNet(), setupOf(old), ({ hosts, gateway, segment, net }) => {
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
