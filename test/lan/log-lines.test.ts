/** The gateway's lines in the log: what they look like, and when they come. */
import { describe, expect, test, vi } from 'vitest'
import { LOGLEVEL_DEBUG } from '../../src/core/log.ts'
import { formatName, nameOf } from '../../src/header/dns.ts'
import { parseAddress } from '../../src/kernel/cidr.ts'
import { dhcpv6Line } from '../../src/lan/log-lines.ts'
import { address } from '../header/frames.ts'
import { CLIENT_MAC, CLIENT6, type End, GATEWAY, GATEWAY6, ICMPV6, packet, udp } from '../segment/packets.ts'
import { memoryNets } from '../support/memory-net.ts'
import { query } from './dns-message.ts'
import { lanDrivers, powerless } from './lan-driver.ts'

vi.mock('../../src/kernel/native.ts', async original => ({
  ...(await original<object>()),
  loadNative: () => powerless,
}))

const makeLan = lanDrivers(memoryNets())
const HOSTS = 'hosts: [{ name: web, ip: 198.18.0.7, ip6: "2001:db8:0:1::7" }]\n'
const [A, NS, MX, PTR, AAAA, ANY] = [1, 2, 15, 12, 28, 255]

/** The lines of one question over UDP, at the level of `vnet -v`. */
async function asked(name: string, type: number, options = {}, to: End = GATEWAY): Promise<string[]> {
  const { ask, memory } = await makeLan(HOSTS, { level: LOGLEVEL_DEBUG })
  const before = memory.lines.length
  ask(udp(to, 53, [...query(name, type, options)]))
  return memory.lines.slice(before)
}

describe('a question of DNS', () => {
  test.each<[string, number, string, readonly string[]]>([
    ['web.lan', A, 'query[A] web.lan from 198.18.0.50', ['198.18.0.7']],
    ['WEB', AAAA, 'query[AAAA] WEB from 198.18.0.50', ['2001:db8:0:1::7']],
    ['7.0.18.198.in-addr.arpa', PTR, 'query[PTR] 7.0.18.198.in-addr.arpa from 198.18.0.50', ['web.lan']],
    ['web.lan', ANY, 'query[ANY] web.lan from 198.18.0.50', ['198.18.0.7', '2001:db8:0:1::7']],
    ['web.lan', MX, 'query[MX] web.lan from 198.18.0.50', ['NODATA']],
    ['example.com', A, 'query[A] example.com from 198.18.0.50', ['NXDOMAIN']],
    ['lan', NS, 'query[NS] lan from 198.18.0.50', ['<NS>']],
    ['web.lan', 999, 'query[type=999] web.lan from 198.18.0.50', ['NODATA']],
  ])('%s of type %i is %s', async (name, type, question, answers) => {
    expect(await asked(name, type)).toEqual([question, ...answers.map(answer => `reply ${name} is ${answer}`)])
  })

  test('over IPv6, and one that is refused', async () => {
    expect(await asked('web', A, {}, GATEWAY6)).toEqual([
      'query[A] web from 2001:db8:0:1::50',
      'reply web is 198.18.0.7',
    ])
    expect(await asked('web', A, { class: 3 })).toEqual(['query[A] web from 198.18.0.50', 'reply web is REFUSED'])
  })

  test('is no line without -v', async () => {
    const { ask, memory } = await makeLan(HOSTS)
    const before = memory.lines.length
    expect(ask(udp(GATEWAY, 53, [...query('web', A)]))).toHaveLength(1)
    expect(memory.lines.slice(before)).toEqual([])
  })

  test('cannot put into a line what is no part of a name', () => {
    expect(formatName(nameOf('www.example.com')!)).toBe('www.example.com')
    expect(formatName(Uint8Array.of(0))).toBe('.')
    const label = [10, 27, 0x20, 0x2e, 0x5c, 0xff, 0x41]
    expect(formatName(Uint8Array.of(label.length, ...label, 1, 0x62, 0))).toBe('\\010\\027\\032\\.\\\\\\255A.b')
  })
})

describe('a router', () => {
  const ROUTERS: End = { mac: [0x33, 0x33, 0, 0, 0, 2], ip: [...parseAddress('ff02::2')!] }
  const solicitation = (hops = 255) => packet(ROUTERS, ICMPV6, [133, 0, 0, 0, 0, 0, 0, 0], { hops })

  test('tells of each solicitation that is one, and of each advertisement that anybody hears', async () => {
    const { ask, memory, wait } = await makeLan('dhcp: false\n')
    const lines = () => memory.lines.splice(0).filter(line => line.startsWith('RTR-'))
    // The first one came when no port was there.
    expect(lines()).toEqual([])
    ask(solicitation(64))
    expect(lines()).toEqual([])
    ask(solicitation())
    wait(4)
    expect(lines()).toEqual(['RTR-SOLICIT(eth9) 02:00:00:00:00:09', 'RTR-ADVERT(eth9) 2001:db8:0:1::'])
  })
})

describe('DHCPv6', () => {
  const DUID = [0, 3, 0, 1, ...CLIENT_MAC]
  const request = (type: number, duid: readonly number[]) => [type, 1, 2, 3, 0, 1, 0, duid.length, ...duid]

  test('tells of an information request by the client’s identifier', async () => {
    const { ask, memory } = await makeLan('')
    const SERVERS: End = { mac: [0x33, 0x33, 0, 1, 0, 2], ip: address('ff02:0:0:0:0:0:1:2') }
    memory.lines.splice(0)
    const sent = udp(SERVERS, 547, request(11, DUID), { from: CLIENT6, sourcePort: 546 })
    expect(ask(sent)).toHaveLength(1)
    expect(memory.lines).toEqual(['DHCPINFORMATION-REQUEST(eth9) 00:03:00:01:02:00:00:00:00:09'])
  })

  test('tells of no other message, and of no more than an identifier can be long', () => {
    expect(dhcpv6Line('eth9', Uint8Array.from(request(1, DUID)))).toBeUndefined()
    expect(dhcpv6Line('eth9', new Uint8Array(0))).toBeUndefined()
    expect(dhcpv6Line('eth9', Uint8Array.of(11, 1, 2, 3))).toBe('DHCPINFORMATION-REQUEST(eth9)')
    expect(dhcpv6Line('eth9', Uint8Array.from(request(11, new Array(200).fill(7))))).toHaveLength(30 + 130 * 3 - 1)
  })
})
