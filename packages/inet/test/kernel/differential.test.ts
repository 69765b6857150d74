/** A host in memory and the kernel reply alike to random packets, but for the rows of linux.md. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { differences, Pair, report } from '../differential/differences.ts'
import { EXCEPTIONS, EXCHANGE_EXCEPTIONS } from '../differential/exceptions.ts'
import { compare, ExchangeHosts, reportExchange } from '../differential/exchange-hosts.ts'
import { ExchangeSource } from '../differential/exchanges.ts'

const page = readFileSync('packages/inet/docs/linux.md', 'utf8')
let hosts: ExchangeHosts

beforeAll(() => {
  hosts = new ExchangeHosts()
})
afterAll(() => hosts?.close())

test.each(EXCEPTIONS)(
  'the hosts still differ as linux.md says: $row',
  ({ row, example, explains }) => {
    expect(page).toContain(`\n| ${row} | `)
    const pair = new Pair()
    const replies = example.map(text => pair.replies(text))
    pair.close()
    const { linux = [], memory = [] } = replies.at(-1) ?? {}
    expect(memory).not.toEqual(linux)
    expect(explains(example.join('; '), linux, memory)).toBe(true)
  },
)

test.each(EXCHANGE_EXCEPTIONS)('exchanges still differ as linux.md says: $row', async exception => {
  const { row, example } = exception
  expect(page).toContain(`\n| ${row} | `)
  expect(await compare(hosts, example, [])).not.toBe(undefined)
  expect(await compare(hosts, example, [exception])).toBe(undefined)
})

/** Packets that random ones meet rarely. */
const RARE = [
  ['ip from zero / icmp echo'],
  ['ip from zero, to broadcast / udp / data 8'],
  ['ip from 0.1.2.3 / icmp echo, id 1'],
  ['ip to group / udp / data 8'],
  ['ip tos 0x2b / tcp from 1024, to 1'],
  ['ip / icmp type 13 / data 12'],
  ['ip options 07080800 / icmp echo, id 1'],
  ['ip options 8608000300000000 / icmp echo, id 1'],
  ['ip options 070308860700030000000000 / udp to 1'],
  ['ip options 070308864500030000000000 / udp to 1'],
  ['ip options 07030800 / tcp flags 16'],
  ['ip options 070b0800000000000000000000 / tcp flags 16'],
  ['ip options 440c0500c6120001c6120001 / tcp from 1024, to 1'],
  ['ip options 440c0800c6120001c6120001 / tcp flags 18'],
  [
    'ip id 3, piece 8..32 / icmp / data 24',
    'ip id 3, offset 16383',
    'ip id 3, piece 0..8, more / icmp type 13 / data 24',
  ],
  [
    'ip id 4, offset 8191 / data 64',
    'ip id 4, piece 0..8, more / icmp',
    'ip id 4, piece 8..32 / icmp / data 24',
  ],
  ['ip6 / tcp flags 16, options 1d03030f080a0000000100000000020400000101'],
  ['ip / tcp flags 16, options 1d04030f080a0000000100000000020401000101'],
  ['ip / tcp flags 16, options 1d05010203010000'],
  ['ip / tcp flags 16, to 1, options 1d10030f080101000000010000000002'],
  ['ip / tcp flags 16, to 1, options 1d10030f08010100000001000000000201010101'],
  ['ip / tcp flags 16, options 1d05030f0801010000000100000000020400000101'],
  ['ip id 1, offset 0xe000 / udp to 1 / data 16', 'ip id 1, offset 3 / data 8'],
  [
    'ip id 2, piece 0..8, more, tos 1 / udp to 1 / data 8',
    'ip id 2, piece 8..16 / udp to 1 / data 8',
  ],
  [
    'ip / icmp type 3, code 4, mtu 600 / ip from host, to peer / icmp reply',
    'ip / icmp echo / data 1400',
  ],
  ['ip6 / frag / frag / icmp6 echo'],
  ['ip6 from 2001:db8:: / udp to 1'],
  ['ip6 to ff01::1 / icmp6 echo'],
  ['ether to 33:33:ff:00:00:01 / ip6 from fe80::ff:fe00:2 / dest 9e0400000000'],
  ['ether to 33:33:ff:00:00:01 / ip6 / dest 9e0400000000'],
  [
    'ip6 / icmp6 type 2, mtu 1280 / ip6 from fc00::1, to peer / udp from 7',
    'ip6 / icmp6 echo / data 1400',
  ],
  [
    'ip6 / icmp6 type 2, mtu 1280 / ip6 from host, to peer, start 112 / udp from 7',
    'ip6 / icmp6 echo / data 1400',
  ],
  [
    'ip / icmp type 3, code 4, mtu 600 / ip from 192.0.2.9, to peer / udp from 7',
    'ip / icmp echo / data 1400',
  ],
  [
    'ip / icmp type 3, code 4, mtu 600 / ip from host, to peer, start 85 / udp from 7',
    'ip / icmp echo / data 1400',
  ],
  ['ip6 hops 255, to group, from zero / nd ns, target host'],
  ['ip6 to group, from zero / icmp6 echo'],
  [
    'arp request, spa other, sha other',
    'arp request, tpa 0.1.2.3, spa other',
    'ip from other / icmp echo, id 1',
  ],
  ['arp request, spa other, sha other', 'arp reply, spa other', 'ip from other / icmp echo, id 1'],
  [
    'arp request, spa other, sha other',
    'arp reply, spa other, tpa other',
    'ip from other / icmp echo, id 1',
  ],
  [
    'arp request, spa other, sha other',
    'arp reply, spa other, tpa other, tha peer',
    'ip from other / icmp echo, id 1',
  ],
  [
    'arp request, spa other, sha other',
    'arp request, spa other, tpa other',
    'ip from other / icmp echo, id 1',
  ],
  [
    'arp request, spa other, sha other',
    'arp request, spa other',
    'ip from other / icmp echo, id 1',
  ],
  [
    ...[
      'ip6 from other / icmp6 echo',
      'ether to solicited / ip6 hops 255, from other, to solicited / nd ns, target host',
    ],
    'ether to group / ip6 hops 255, from other, to group / nd na, target other, flags 6 / lladdr type 2',
  ],
  ['ip6 hops 255 / frag / nd ns, target host / lladdr type 1'],
  ['arp request, hrd 6'],
  ['vlan tci 0xe000 / vlan / arp request', 'vlan tci 1 / arp request'],
]

test.each(RARE)('a host in memory and the kernel reply alike to %s', (...packets) => {
  const pair = new Pair()
  const replies = packets.map(text => pair.replies(text))
  pair.close()
  expect(replies.map(({ memory }) => memory)).toEqual(replies.map(({ linux }) => linux))
})

/** Lines after a handshake with SACK. */
const RARE_EXCHANGES = [
  'in data 1..1001, ack 1; in data 951..1487, fin, ack 1; write 8000',
  'in data 1..3, ack 1; write 536; in data 1..101, ack 537; in data 101..102, ack 537, win 500; write 1',
  'in data 101..103, ack 1; in data 1..2, ack 1; close',
  'in data 1..2, urgent 1, ack 1; close',
  'in data 1..11, urgent 10, ack 1; read; close',
  'in data 1..11, urgent 5, ack 1; read; close',
  'in data 1..2, urgent 1, ack 1; in data 2..3, ack 1; read; close',
  'in data 1..2, urgent 1, fin, ack 1; read; close',
  'in data 1..2, urgent 1, fin, ack 1; close',
  'in data 1..2, urgent 1, ack 1; shutdown; in ack 2; close',
  'shutdown; in fin 1, ack 2; reset; in data 3..103, ack 1',
]

test.each(RARE_EXCHANGES)('a host in memory and the kernel behave alike in: %s', async text => {
  const lines = ['connect', 'in syn 0, ack 1, mss 1460, sack-ok', ...text.split('; ')]
  const difference = await compare(hosts, lines, [])
  expect(difference && reportExchange(difference)).toBe(undefined)
})

test('a host in memory replies to random packets like the kernel', () => {
  const found = [...differences(1, 200)].map(
    ({ nth, difference }) => `seed 1, case ${nth}:\n${report(difference)}`,
  )
  expect(found.join('\n')).toBe('')
})

test('a host in memory behaves in random exchanges of TCP like the kernel', async () => {
  for (let nth = 0; nth < 100; nth++) {
    const difference = await compare(hosts, new ExchangeSource(1, nth).draw())
    expect(difference && reportExchange(difference)).toBe(undefined)
  }
})
