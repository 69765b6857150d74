import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { print } from '#src/packet/print.ts'
import { forAll } from '#support/for-all.ts'
import { address, buildFrame, type ErrorBody, frame, type Packet, plain, plain6 } from './frames.ts'

function line(
  packet: Packet,
  edits: Record<number, number> = {},
  tags: { type: number; tci: number }[] = [],
): string {
  const octets = buildFrame({ packet, tags, padding: [] })
  for (const [at, octet] of Object.entries(edits)) {
    octets[Number(at)] = octet
  }
  return print(octets, 0, octets.length)
}

const error = (body: Partial<ErrorBody>, outer: Packet = plain): Packet => ({
  ...outer,
  kind: 'icmp',
  error: { type: 3, code: 3, rest: [0, 0, 5, 0xdc], quote: outer, cut: 60, ...body },
})

const raw = (...octets: number[]) => print(Uint8Array.from(octets), 0, octets.length)
const macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]

describe('one line', () => {
  test('print formats UDP, TCP and ICMP like tcpdump', () => {
    expect(line(plain)).toBe('IP 198.18.0.1.12345 > 198.18.0.2.53: UDP, length 5')
    expect(line(plain6)).toBe('IP6 2001:db8::1.12345 > 2001:db8::2.53: UDP, length 5')
    expect(line({ ...plain, kind: 'tcp' })).toBe(
      'IP 198.18.0.1.4660 > 198.18.0.2.80: Flags [P.], seq 16909060:16909065, ack 84281096, win 8192, length 5',
    )
    expect(line({ ...plain, kind: 'icmp' })).toBe(
      'IP 198.18.0.1 > 198.18.0.2: ICMP echo request, id 30600, seq 1, length 13',
    )
    expect(line({ ...plain, kind: 'icmp' }, { 34: 0 })).toContain('ICMP echo reply, id 30600')
    expect(line({ ...plain6, kind: 'icmp' })).toBe(
      'IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id 30600, seq 1, length 13',
    )
    expect(line({ ...plain, kind: 'other' })).toBe(
      'IP 198.18.0.1 > 198.18.0.2: ip-proto-253, length 5',
    )
  })

  test('print shows TCP flags and options', () => {
    const options = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7]
    const syn = { ...plain, kind: 'tcp' as const, payload: options }
    expect(line(syn, { 46: 0xa0, 47: 0x02 })).toBe(
      'IP 198.18.0.1.4660 > 198.18.0.2.80: Flags [S], seq 16909060, win 8192, options [mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7], length 0',
    )
    const odd = {
      ...plain,
      kind: 'tcp' as const,
      payload: [5, 10, 0, 0, 0, 0, 0, 0, 0, 0, 30, 3, 0, 0, 0, 0],
    }
    expect(line(odd, { 46: 0x90, 47: 0x20 })).toContain(
      'Flags [U], win 8192, urg 0, options [sack 1,unknown-30,eol]',
    )
    expect(line(odd, { 46: 0x90, 47: 0, 55: 40 })).toContain(
      'Flags [none], win 8192, options [[|tcp]]',
    )
  })

  test('print shows ARP requests and replies', () => {
    const body = [
      0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 198, 18, 0, 1, 0, 0, 0, 0, 0, 0, 198, 18, 0, 2,
    ]
    expect(raw(...macs, 8, 6, ...body)).toBe(
      'ARP, Request who-has 198.18.0.2 tell 198.18.0.1, length 28',
    )
    body[7] = 2
    expect(raw(...macs, 8, 6, ...body)).toBe(
      'ARP, Reply 198.18.0.1 is-at 02:00:00:00:00:02, length 28',
    )
    body[7] = 9
    expect(raw(...macs, 8, 6, ...body)).toBe('ARP, op 9 198.18.0.1 > 198.18.0.2, length 28')
    expect(raw(...macs, 8, 6, 0, 1)).toBe('ARP [|arp], length 2')
  })

  test('print shows VLAN tags', () => {
    const tags = [
      { type: 0x88a8, tci: 0x6064 },
      { type: 0x8100, tci: 5 },
    ]
    expect(line(plain, {}, tags)).toBe(
      's-vlan 100, p 3, vlan 5, p 0, IP 198.18.0.1.12345 > 198.18.0.2.53: UDP, length 5',
    )
    expect(raw(...macs, 0x81, 0, 0)).toBe('[|vlan]')
  })

  test('print shows fragments', () => {
    const tcp = { ...plain, kind: 'tcp' as const, payload: new Array<number>(40).fill(0) }
    expect(line({ ...tcp, fragment: { first: true, at: 24 } })).toContain(
      'length 4 (frag id 4660, offset 0, size 24, more)',
    )
    expect(line({ ...tcp, fragment: { first: false, at: 24 } })).toBe(
      'IP 198.18.0.1 > 198.18.0.2: ip-proto-6 (frag id 4660, offset 24, size 36)',
    )
    expect(
      line({
        ...tcp,
        source: plain6.source,
        destination: plain6.destination,
        fragment: { first: false, at: 24 },
      }),
    ).toBe('IP6 2001:db8::1 > 2001:db8::2: frag next 6, length 44')
  })

  test('print shows ICMP errors and the packets they quote', () => {
    expect(line(error({}))).toBe(
      'IP 198.18.0.1 > 198.18.0.2: ICMP unreachable - port, about 198.18.0.1 > 198.18.0.2, length 41',
    )
    expect(line(error({ code: 4 }))).toContain('unreachable - need to frag (mtu 1500)')
    expect(line(error({ code: 13 }))).toContain('unreachable - admin prohibited filter')
    expect(line(error({ type: 4 }))).toContain('source quench')
    expect(line(error({ type: 5, rest: address('192.0.2.1') }))).toContain('redirect to 192.0.2.1')
    expect(line(error({ type: 11, code: 0 }))).toContain('time exceeded in-transit')
    expect(line(error({ type: 11, code: 1 }))).toContain('reassembly time exceeded')
    expect(line(error({ type: 12, rest: [9, 0, 0, 0] }))).toContain('parameter problem at octet 9')
    expect(line(error({ type: 13, code: 0 }))).toContain('type 13, code 0, length')
    expect(line(error({ cut: 19 }))).toContain('unreachable - port, length 27')
  })

  test('print shows ICMPv6 errors and neighbour discovery', () => {
    expect(line(error({ type: 1, code: 4 }, plain6))).toBe(
      'IP6 2001:db8::1 > 2001:db8::2: ICMP6, unreachable - port, about 2001:db8::1 > 2001:db8::2, length 61',
    )
    expect(line(error({ type: 1, code: 9 }, plain6))).toContain('unreachable - code 9')
    expect(line(error({ type: 2 }, plain6))).toContain('packet too big, mtu 1500')
    expect(line(error({ type: 3, code: 0 }, plain6))).toContain('time exceeded in-transit')
    expect(line(error({ type: 3, code: 1 }, plain6))).toContain('reassembly time exceeded')
    expect(line(error({ type: 4 }, plain6))).toContain('parameter problem at octet 1500')
    expect(line(error({ type: 4, cut: 39 }, plain6))).not.toContain('about')
    expect(line(error({ type: 143 }, plain6))).toContain('type 143, code 3')
    const target = { ...plain6, kind: 'icmp' as const, payload: plain6.destination }
    expect(line(target, { 54: 135 })).toContain(
      'ICMP6, neighbor solicitation, target 2001:db8::2, length 24',
    )
    expect(line(target, { 54: 133 })).toContain('ICMP6, router solicitation, length 24')
  })

  test('print shows unknown types by their number', () => {
    expect(raw(...macs, 0x88, 0xcc, 1, 2)).toBe(
      '02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype 0x88cc, length 2',
    )
    expect(raw(...macs, 0, 2, 1, 2)).toBe('02:00:00:00:00:02 > 02:00:00:00:00:01, 802.3, length 2')
  })

  test('print marks truncated headers', () => {
    expect(raw(1, 2)).toBe('[|ether], length 2')
    expect(line(plain, { 14: 0x65 })).toBe('IP [|ip], length 33')
    expect(line(plain6, { 19: 99 })).toBe('IP6 [|ip6], length 53')
    expect(line(plain6, { 20: 60, 55: 9 })).toBe('IP6 2001:db8::1 > 2001:db8::2: [|ext], length 13')
    expect(line({ ...plain, kind: 'other' }, { 23: 17 })).toContain('[|udp], length 5')
    expect(line({ ...plain, kind: 'other' }, { 23: 6 })).toContain('[|tcp], length 5')
    expect(line({ ...plain, kind: 'other' }, { 23: 1 })).toContain('[|icmp], length 5')
    expect(line({ ...plain6, kind: 'other' }, { 20: 58 })).toContain('[|icmp6], length 5')
    expect(line(plain, { 39: 3 })).toContain('UDP, bad length 3')
  })
})

test('an IPv6 packet of length 0 is printed without the padding that follows it', () => {
  const padded = [
    ...new Array<number>(12).fill(2),
    0x86,
    0xdd,
    0x60,
    0,
    0,
    0,
    0,
    0,
    6,
    64,
    ...new Array<number>(64).fill(0),
  ]
  expect(print(Uint8Array.from(padded), 0, padded.length)).toBe('IP6 :: > ::: [|tcp], length 0')
})

describe('any bytes', () => {
  const isLine = (text: string) => expect(text).toMatch(/^[\x20-\x7e]+$/)

  test('print returns one printable line for random bytes and wrong lengths', () => {
    const head = fc.constantFrom(
      [8, 0, 0x45],
      [8, 0, 0x45, 0, 0, 40],
      [0x86, 0xdd, 0x60],
      [8, 6],
      [0x81, 0],
    )
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc
        .tuple(head, fc.uint8Array({ maxLength: 120 }))
        .map(([type, rest]) => Uint8Array.from([...macs, ...type, ...rest])),
    )
    forAll(500, [octets, fc.nat(200), fc.nat(30)], (bytes, length, at) => {
      isLine(print(bytes, 0, bytes.length))
      const text = print(bytes, at, length)
      isLine(text)
      expect(text).not.toMatch(/undefined|NaN/)
    })
  })

  test('print returns one printable line for truncated and corrupted frames', () => {
    forAll(
      500,
      [frame, fc.nat(200), fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 })],
      (some, cut, edits) => {
        const octets = buildFrame(some).slice(0, cut + 14)
        for (const [at, octet] of edits) {
          if (at < octets.length) {
            octets[at] = octet
          }
        }
        const text = print(octets, 0, octets.length)
        isLine(text)
        expect(text).not.toMatch(/undefined|NaN/)
      },
    )
  })
})
