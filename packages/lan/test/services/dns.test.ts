/**
 * The gateway's DNS: known and unknown names, and the form of replies. dns.slow.test.ts has random
 * queries.
 */
import { createSocket, type Socket } from 'node:dgram'
import { Resolver as CAres } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAddress } from '#src/packet/address.ts'
import { DNS_HLEN, nameOf } from '#src/packet/dns.ts'
import { createResolver } from '../../src/services/dns.ts'
import { type NaiveReply, naiveReply, query, rcodes } from './dns-message.ts'
import { ip6, leased, many, named, resolver } from './dns-resolver.ts'

function ask(
  name: string,
  type: number,
  options: Parameters<typeof query>[2] = {},
  max?: number,
): NaiveReply {
  return naiveReply(resolver(query(name, type, options), max)!)
}
/** `NOERROR web.lan A 198.18.0.2`: the code, then each record of the reply. */
const said = ({ rcode, answers }: NaiveReply) =>
  [rcodes[rcode], ...answers.map(({ name, type, data }) => `${name} ${type} ${data}`)].join(', ')

const A = 1
const NS = 2
const SOA = 6
const PTR = 12
const TXT = 16
const AAAA = 28
const ANY = 255

test('localhost and all names under it are the client itself, whatever hosts and clients are called', () => {
  const config = { domain: 'lan', gateway: named('gateway', '198.18.0.1') }
  const leases = { address: () => parseAddress('198.18.0.100'), name: () => 'localhost' }
  const other = createResolver({ ...config, hosts: [named('localhost', '198.18.0.2')], leases })
  const reply = (name: string, type: number) => said(naiveReply(other(query(name, type))!))
  for (const name of ['localhost', 'LocalHost', 'db.localhost']) {
    expect(reply(name, A)).toBe(`NOERROR, ${name} ${A} 127.0.0.1`)
    expect(reply(name, AAAA)).toMatch(/^NOERROR, \S+ 28 (0:0:0:0:0:0:0:1|::1)$/)
    expect(reply(name, TXT)).toBe('NOERROR')
  }
  expect(reply('localhost.lan', A)).toBe(`NOERROR, localhost.lan ${A} 198.18.0.2`)
  expect(reply('1.0.0.127.in-addr.arpa', PTR)).toBe(
    `NOERROR, 1.0.0.127.in-addr.arpa ${PTR} localhost`,
  )
  const loopback6 = ip6(Array(16).fill(0).fill(1, 0, 1).join('.'), Array(16).fill(0).join('.'))
  expect(reply(loopback6, PTR)).toMatch(/ 12 localhost$/)
})

describe('a known name', () => {
  test.each([
    ['web.lan', A, 'NOERROR, web.lan 1 198.18.0.2'],
    ['web', A, 'NOERROR, web 1 198.18.0.2'],
    ['web.lan', AAAA, 'NOERROR, web.lan 28 2001:db8:0:1::2'],
    ['gateway.lan', A, 'NOERROR, gateway.lan 1 198.18.0.1'],
    ['db.rack1', A, 'NOERROR, db.rack1 1 198.18.0.4'],
    ['db.rack1.lan', A, 'NOERROR, db.rack1.lan 1 198.18.0.4'],
    ['www.example.com', A, 'NOERROR, www.example.com 1 198.18.0.5'],
    ['www.example.com.lan', A, 'NXDOMAIN'],
    ['web.lan', ANY, 'NOERROR, web.lan 1 198.18.0.2, web.lan 28 2001:db8:0:1::2'],
    ['2.0.18.198.in-addr.arpa', PTR, 'NOERROR, 2.0.18.198.in-addr.arpa 12 web.lan'],
    ['5.0.18.198.in-addr.arpa', PTR, 'NOERROR, 5.0.18.198.in-addr.arpa 12 www.example.com'],
    ['3.0.18.198.IN-ADDR.ARPA', PTR, 'NOERROR, 3.0.18.198.IN-ADDR.ARPA 12 Printer.lan'],
    [
      ip6('2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0'),
      PTR,
      `NOERROR, ${ip6('2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0')} 12 web.lan`,
    ],
    ['lan', NS, 'NOERROR, lan 2 gateway.lan'],
    ['laptop.lan', A, 'NOERROR, laptop.lan 1 198.18.0.100'],
    ['laptop', A, 'NOERROR, laptop 1 198.18.0.100'],
    ['100.0.18.198.in-addr.arpa', PTR, 'NOERROR, 100.0.18.198.in-addr.arpa 12 laptop.lan'],
  ])('a query for %s of type %i is answered with %s', (name, type, expected) => {
    expect(said(ask(name, type))).toBe(expected)
  })

  test('a known name matches in any case, and the reply keeps the case of the query', () => {
    expect(said(ask('wEb.LaN', A))).toBe('NOERROR, wEb.LaN 1 198.18.0.2')
    expect(ask('wEb.LaN', A).question).toBe('wEb.LaN')
  })

  test('a lease’s name resolves while the lease lasts', () => {
    leased.push(named('phone', '198.18.0.103'))
    expect(said(ask('phone', A))).toBe('NOERROR, phone 1 198.18.0.103')
    leased.pop()
    expect(said(ask('phone', A))).toBe('NXDOMAIN')
    expect(said(ask('103.0.18.198.in-addr.arpa', PTR))).toBe('NXDOMAIN')
  })

  test('clients that call themselves gateway and host1 do not take over these names', () => {
    const address = parseAddress('198.18.0.100')!
    const names = createResolver({
      domain: 'lan',
      gateway: named('gateway', '198.18.0.1'),
      hosts: [named('host1', '198.18.0.2')],
      leases: { address: () => address, name: () => 'gateway' },
    })
    const addressOf = (name: string) => said(naiveReply(names(query(name, A))!))
    expect(addressOf('gateway')).toBe('NOERROR, gateway 1 198.18.0.1')
    expect(addressOf('host1.lan')).toBe('NOERROR, host1.lan 1 198.18.0.2')
    expect(said(naiveReply(names(query('100.0.18.198.in-addr.arpa', PTR))!))).toBe('NXDOMAIN')
  })

  test('a lease does not take over the name of a host, and an invalid name does not exist', () => {
    expect(said(ask('web', A))).toBe('NOERROR, web 1 198.18.0.2')
    expect(said(ask('101.0.18.198.in-addr.arpa', PTR))).toBe('NXDOMAIN')
    expect(said(ask('no_name', A))).toBe('NXDOMAIN')
  })
})

describe('an unknown name', () => {
  test.each([
    ['nobody.lan', A, 'NXDOMAIN', 'lan'],
    ['nobody', A, 'NXDOMAIN', '.'],
    ['example.org', A, 'NXDOMAIN', '.'],
    ['9.0.18.198.in-addr.arpa', PTR, 'NXDOMAIN', 'in-addr.arpa'],
    ['02.0.18.198.in-addr.arpa', PTR, 'NXDOMAIN', 'in-addr.arpa'],
    ['258.0.18.198.in-addr.arpa', PTR, 'NXDOMAIN', 'in-addr.arpa'],
    ['356.0.18.198.in-addr.arpa', PTR, 'NXDOMAIN', 'in-addr.arpa'],
    ['1.2.0.18.198.in-addr.arpa', PTR, 'NXDOMAIN', 'in-addr.arpa'],
    [ip6('9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0'), PTR, 'NXDOMAIN', 'ip6.arpa'],
    ['Printer.lan', AAAA, 'NOERROR', 'lan'],
    ['web.lan', TXT, 'NOERROR', 'lan'],
    ['rack1.lan', A, 'NOERROR', 'lan'],
    ['example.com', A, 'NOERROR', '.'],
    ['arpa', A, 'NOERROR', '.'],
    ['0.18.198.in-addr.arpa', PTR, 'NOERROR', 'in-addr.arpa'],
    ['0.19.198.in-addr.arpa', PTR, 'NOERROR', 'in-addr.arpa'],
    ['8.b.d.0.1.0.0.2.ip6.arpa', PTR, 'NOERROR', 'ip6.arpa'],
    ['2.0.18.198.in-addr.arpa', A, 'NOERROR', 'in-addr.arpa'],
    ['lan', A, 'NOERROR', 'lan'],
  ])(
    'a query for %s of type %i is answered with %s and the SOA of %s, cached for 5 s',
    (name, type, rcode, zone) => {
      const reply = ask(name, type)
      expect(said(reply)).toBe(rcode)
      expect(reply.authority).toEqual([
        { name: zone, type: SOA, ttl: 5, data: 'gateway.lan hostmaster.lan 1 3600 600 86400 5' },
      ])
    },
  )

  test('a dot inside a label does not separate labels', () => {
    const bytes = query('web.lan', A)
    bytes[DNS_HLEN] = 7
    bytes[DNS_HLEN + 4] = '.'.charCodeAt(0)
    expect(naiveReply(resolver(bytes)!).rcode).toBe(3)
  })
})

describe('a reply', () => {
  test('a reply is authoritative with recursion available, and repeats RD and CD', () => {
    expect(ask('web', A, { flags: 0x0110 }).flags).toBe(0x8590)
    expect(ask('web', A, { flags: 0 }).flags).toBe(0x8480)
  })

  test.each([
    ['512 bytes without EDNS', {}, undefined, 0, true],
    ['512 bytes for a smaller EDNS size', { edns: 100 }, undefined, 0, true],
    ['what EDNS allows', { edns: 1000 }, undefined, 60, false],
    ['1232 bytes whatever EDNS allows', { edns: 65535 }, undefined, 60, false],
    ['65535 bytes over TCP', {}, 65535, 60, false],
  ] as const)(
    'a reply has at most %s, otherwise TC set and no answers',
    (_, options, max, answers, truncated) => {
      const reply = ask('many.lan', A, options, max)
      expect([reply.answers.length, (reply.flags & 0x200) !== 0]).toEqual([answers, truncated])
    },
  )

  test('a reply may have 512 bytes even if EDNS allows less', () => {
    expect(said(ask('web', A, { edns: 20 }))).toBe('NOERROR, web 1 198.18.0.2')
  })

  test('a reply compresses names beyond the reach of a pointer against nearer ones', () => {
    const names = Array.from({ length: 800 }, (_, i) => `${'ab'[i % 2]}.${'x'.repeat(30)}${i >> 1}`)
    const hosts = names.map(name => named(name, '198.18.0.7'))
    const answer = createResolver({ domain: 'lan', gateway: named('gateway'), hosts })
    const { answers } = naiveReply(answer(query('7.0.18.198.in-addr.arpa', PTR), 65535)!)
    expect(answers.map(({ data }) => data)).toEqual(names.map(name => `${name}.lan`))
  })

  test('a reply has EDNS if the query has, with its DO flag', () => {
    expect(ask('web', A, { edns: 4096, ednsFlags: 0x8000 }).edns).toEqual({
      size: 1232,
      ttl: 0x8000,
    })
    expect(ask('nobody', A, { edns: 4096 }).edns).toEqual({ size: 1232, ttl: 0 })
    expect(ask('web', A).edns).toBeUndefined()
  })

  test.each([
    ['an unknown version of EDNS', query('web', A, { edns: 4096, ednsVersion: 1 }), 16],
    ['two OPT records', query('web', A, { edns: 4096, opts: 2 }), 1],
    ['another opcode', query('web', A, { flags: 0x2800 }), 4],
    ['another class', query('version.bind', TXT, { class: 3 }), 5],
    ['a zone transfer', query('lan', 252), 5],
    ['an OPT as a question', query('lan', 41), 1],
    ['a truncated question', query('web', A).subarray(0, 18), 1],
    ['no question', Uint8Array.from([1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1],
    [
      'a compressed question',
      Uint8Array.from([1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]),
      1,
    ],
    ['a name of 256 bytes', query([...Array(126).fill('x'), 'xy'].join('.'), A), 1],
    ['a name of 255 bytes', query(Array(127).fill('x').join('.'), A), 3],
    ['an OPT shorter than its length', query('web', A, { edns: 4096 }).with(-1, 1), 1],
    ['a truncated OPT', query('web', A, { edns: 4096 }).subarray(0, -1), 1],
  ])('a reply to %s has the right response code', (_, bytes, rcode) => {
    const reply = naiveReply(resolver(bytes)!)
    expect([reply.id, reply.rcode, reply.answers]).toEqual([0x0102, rcode, []])
  })

  test('a reply, or less than a header, gets no reply', () => {
    expect(resolver(query('web', A, { flags: 0x8000 }))).toBeUndefined()
    expect(resolver(query('web', A).subarray(0, 11))).toBeUndefined()
  })
})

test.each([
  ['', [0]],
  ['.', [0]],
  ['a.b', [1, 97, 1, 98, 0]],
  ['a.b.', [1, 97, 1, 98, 0]],
  ['a..b', undefined],
  ['.a', undefined],
  ['a b', undefined],
  ['ä', undefined],
  ['x'.repeat(64), undefined],
  [Array(127).fill('x').join('.'), expect.objectContaining({ length: 255 })],
  [Array(128).fill('x').join('.'), undefined],
])('the wire form of %j is %j', (text, octets) => {
  const wire = nameOf(text)
  expect(wire && [...wire]).toEqual(octets)
})

/** Waits until the server listens. False: its port belongs to another socket. */
async function listens(server: Server): Promise<boolean> {
  try {
    await once(server, 'listening')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
}

describe('c-ares, over UDP and TCP', () => {
  let udp: Socket
  let tcp: Server
  const client = new CAres({ timeout: 2000, tries: 1 })

  beforeAll(async () => {
    // c-ares asks over both at one port: the first that is free for both.
    do {
      udp = createSocket('udp4', (message, { address, port }) => {
        const reply = resolver(message)
        if (reply) {
          udp.send(reply.slice(), port, address)
        }
      }).bind(0, '127.0.0.1')
      await once(udp, 'listening')
      // One message a connection and a segment: enough for c-ares.
      tcp = createServer(socket =>
        socket.on('data', data => {
          const reply = resolver(data.subarray(2), 65535)!
          socket.end(Buffer.concat([Uint8Array.of(reply.length >> 8, reply.length), reply]))
        }),
      ).listen(udp.address().port, '127.0.0.1')
    } while (!(await listens(tcp)) && udp.close())
    client.setServers([`127.0.0.1:${(tcp.address() as AddressInfo).port}`])
  })
  afterAll(() => {
    udp.close()
    tcp.close()
  })

  test('c-ares reads addresses, names and their absence', async () => {
    expect(await client.resolve4('web.lan', { ttl: true })).toEqual([
      { address: '198.18.0.2', ttl: 60 },
    ])
    expect(await client.resolve6('web.lan')).toEqual(['2001:db8:0:1::2'])
    expect(await client.reverse('198.18.0.2')).toEqual(['web.lan'])
    expect(await client.reverse('2001:db8:0:1::2')).toEqual(['web.lan'])
    expect(await client.resolveSoa('lan')).toMatchObject({
      nsname: 'gateway.lan',
      hostmaster: 'hostmaster.lan',
      minttl: 5,
    })
    await expect(client.resolve4('nobody.lan')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await expect(client.resolve6('printer.lan')).rejects.toMatchObject({ code: 'ENODATA' })
  })

  test('c-ares asks again over TCP for a reply that is too long for UDP', async () => {
    expect((await client.resolve4('many.lan')).sort()).toEqual([...many].sort())
  })
})
