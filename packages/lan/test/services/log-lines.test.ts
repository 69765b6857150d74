/** The gateway's log lines: their form, and when they are written. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LOGLEVEL_DEBUG } from '#src/base/log.ts'
import * as native from '#src/linux/native.ts'
import { parseAddress } from '#src/packet/address.ts'
import { formatName, nameOf } from '#src/packet/dns.ts'
import { memoryNets } from '#support/memory-net.ts'
import { address } from '../../../../test/packet/frames.ts'
import { dhcpv6Line } from '../../src/services/dhcpv6.ts'
import { lanDrivers, powerless } from '../lan-driver.ts'
import {
  CLIENT_MAC,
  CLIENT6,
  type End,
  GATEWAY,
  GATEWAY6,
  ICMPV6,
  packet,
  udp,
} from '../packets.ts'
import { query } from './dns-message.ts'

beforeEach(() => void vi.spyOn(native, 'loadNative').mockReturnValue(powerless))
afterEach(() => vi.restoreAllMocks())

const makeLan = lanDrivers(memoryNets())
const HOSTS = 'hosts: [{ name: web, ip: 198.18.0.7, ip6: "2001:db8:0:1::7" }]\n'
const [A, NS, MX, PTR, AAAA, ANY] = [1, 2, 15, 12, 28, 255]

/** Returns the log lines about one DNS query over UDP, at the level of `vnet -v`. */
async function asked(
  name: string,
  type: number,
  options = {},
  to: End = GATEWAY,
): Promise<string[]> {
  const { ask, memory } = await makeLan(HOSTS, { level: LOGLEVEL_DEBUG })
  const before = memory.lines.length
  ask(udp(to, 53, [...query(name, type, options)]))
  return memory.lines.slice(before)
}

describe('a question of DNS', () => {
  test.each<[string, number, string, readonly string[]]>([
    ['web.lan', A, 'query[A] web.lan from 198.18.0.50', ['198.18.0.7']],
    ['WEB', AAAA, 'query[AAAA] WEB from 198.18.0.50', ['2001:db8:0:1::7']],
    [
      '7.0.18.198.in-addr.arpa',
      PTR,
      'query[PTR] 7.0.18.198.in-addr.arpa from 198.18.0.50',
      ['web.lan'],
    ],
    ['web.lan', ANY, 'query[ANY] web.lan from 198.18.0.50', ['198.18.0.7', '2001:db8:0:1::7']],
    ['web.lan', MX, 'query[MX] web.lan from 198.18.0.50', ['NODATA']],
    ['example.com', A, 'query[A] example.com from 198.18.0.50', ['NXDOMAIN']],
    ['lan', NS, 'query[NS] lan from 198.18.0.50', ['<NS>']],
    ['web.lan', 999, 'query[type=999] web.lan from 198.18.0.50', ['NODATA']],
  ])('the query for %s of type %i is logged as %s', async (name, type, question, answers) => {
    expect(await asked(name, type)).toEqual([
      question,
      ...answers.map(answer => `reply ${name} is ${answer}`),
    ])
  })

  test('a query over IPv6 and a refused query are logged', async () => {
    expect(await asked('web', A, {}, GATEWAY6)).toEqual([
      'query[A] web from 2001:db8:0:1::50',
      'reply web is 198.18.0.7',
    ])
    expect(await asked('web', A, { class: 3 })).toEqual([
      'query[A] web from 198.18.0.50',
      'reply web is REFUSED',
    ])
  })

  test('a query is not logged without -v', async () => {
    const { ask, memory } = await makeLan(HOSTS)
    const before = memory.lines.length
    expect(ask(udp(GATEWAY, 53, [...query('web', A)]))).toHaveLength(1)
    expect(memory.lines.slice(before)).toEqual([])
  })

  test('control characters of a queried name are escaped in the log', () => {
    expect(formatName(nameOf('www.example.com')!)).toBe('www.example.com')
    expect(formatName(Uint8Array.of(0))).toBe('.')
    const label = [10, 27, 0x20, 0x2e, 0x5c, 0xff, 0x41]
    expect(formatName(Uint8Array.of(label.length, ...label, 1, 0x62, 0))).toBe(
      '\\010\\027\\032\\.\\\\\\255A.b',
    )
  })
})

describe('a router', () => {
  const ROUTERS: End = { mac: [0x33, 0x33, 0, 0, 0, 2], ip: [...parseAddress('ff02::2')!] }
  const solicitation = (hops = 255) => packet(ROUTERS, ICMPV6, [133, 0, 0, 0, 0, 0, 0, 0], { hops })

  test('valid router solicitations are logged, and advertisements while a port has a carrier', async () => {
    const { ask, memory, wait } = await makeLan('dhcp: false\n')
    const lines = () => memory.lines.splice(0).filter(line => line.startsWith('RTR-'))
    // The first advertisement was sent before any port had a carrier.
    expect(lines()).toEqual([])
    ask(solicitation(64))
    expect(lines()).toEqual([])
    ask(solicitation())
    wait(4)
    expect(lines()).toEqual([
      'RTR-SOLICIT(eth9) 02:00:00:00:00:09',
      'RTR-ADVERT(eth9) 2001:db8:0:1::',
    ])
  })
})

describe('DHCPv6', () => {
  const DUID = [0, 3, 0, 1, ...CLIENT_MAC]
  const request = (type: number, duid: readonly number[]) => [
    type,
    1,
    2,
    3,
    0,
    1,
    0,
    duid.length,
    ...duid,
  ]

  const SERVERS: End = { mac: [0x33, 0x33, 0, 1, 0, 2], ip: address('ff02:0:0:0:0:0:1:2') }
  const sent = (type: number, duid: readonly number[] = DUID) =>
    udp(SERVERS, 547, request(type, duid), { from: CLIENT6, sourcePort: 546 })

  test('a DHCPv6 information request is logged with the DUID of the client', async () => {
    const { ask, memory } = await makeLan('')
    memory.lines.splice(0)
    expect(ask(sent(11))).toHaveLength(1)
    expect(memory.lines).toEqual(['DHCPINFORMATION-REQUEST(eth9) 00:03:00:01:02:00:00:00:00:09'])
  })

  test('a DHCPv6 solicit, which has no reply, is logged at most 100 times in 10 s', async () => {
    const { ask, memory, wait } = await makeLan('')
    const lines = () => memory.lines.filter(line => line.startsWith('DHCP'))
    expect([...ask(sent(1)), ...ask(sent(1, [0, 3, 7]))]).toEqual([])
    const why = 'not answered: only stateless DHCPv6 is served'
    expect(lines()).toEqual([
      `DHCPSOLICIT(eth9) 00:03:00:01:02:00:00:00:00:09 ${why}`,
      `DHCPSOLICIT(eth9) 00:03:07 ${why}`,
    ])
    for (let n = 0; n < 98; n++) {
      wait(0.1)
      ask(sent(1))
    }
    ask(sent(1))
    wait(1)
    expect([lines().length, lines().at(-1)]).toEqual([
      101,
      'DHCPSOLICIT(eth9): 1 similar line suppressed',
    ])
  })

  test('malformed DHCPv6 messages and server messages are not logged, and a DUID is cut at its maximum', () => {
    const line = (...message: number[]) => dhcpv6Line('eth9', Uint8Array.from(message))?.line
    expect([line(), line(...request(2, DUID)), line(...request(7, DUID))]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(line(11, 1, 2, 3)).toBe('DHCPINFORMATION-REQUEST(eth9)')
    expect(line(...request(11, new Array(200).fill(7)))).toHaveLength(30 + 130 * 3 - 1)
  })
})
