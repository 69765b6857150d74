import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { finish, pseudoHeaderSum4 } from '#src/packet/checksum.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import { get16, put16, word } from '#src/packet/octets.ts'
import { testWires } from '#support/wire.ts'
import { Nat } from '../src/nat/nat.ts'
import { natStage } from '../src/nat/nat-stage.ts'
import { FIRST_PORT, type NatKind, PORTS } from '../src/nat/nat-table.ts'
import {
  ACK,
  echo,
  FIN,
  firstFragment,
  frame,
  HOST,
  ICMP,
  KINDS,
  laterFragment,
  OTHER,
  OUTSIDE,
  PEER,
  PORT2,
  packet,
  place,
  RST,
  SYN,
  sourceOf,
  TCP,
  TestNat,
  tcp,
  UDP,
  udp,
  unreachable,
} from './support/test-nat.ts'

describe('a NAT', () => {
  test.each(KINDS)(
    'of the kind %s gives a host one of its ports, and brings the answer back',
    kind => {
      const nat = new TestNat(kind)
      const outside = nat.send()
      expect(outside).toMatch(/^192\.0\.2\.1:6\d{4}$/)
      expect(place(outside)[1]).toBeGreaterThanOrEqual(FIRST_PORT)
      expect(nat.out(udp(HOST, PEER))).toEqual(udp(outside, PEER))
      expect(nat.in(udp(PEER, outside))).toEqual(udp(PEER, HOST))
    },
  )

  test.each(KINDS)('of the kind %s translates TCP with right checksums', kind => {
    const nat = new TestNat(kind)
    const outside = sourceOf(nat.out(tcp(HOST, PEER, SYN)))
    expect(nat.out(tcp(HOST, PEER))).toEqual(tcp(outside, PEER))
    expect(nat.in(tcp(PEER, outside))).toEqual(tcp(PEER, HOST))
  })

  test.each(KINDS)('of the kind %s translates echoes by their identifier', kind => {
    const nat = new TestNat(kind)
    const sent = nat.out(echo(HOST, PEER, 8)) as Uint8Array
    const outside = `${OUTSIDE}:${get16(sent, 24)}`
    expect(sent).toEqual(echo(outside, PEER, 8))
    expect(nat.in(echo(PEER, outside, 0))).toEqual(echo(PEER, HOST, 0))
  })

  test('gives each host, port and protocol a port of its own', () => {
    const nat = new TestNat('full-cone')
    const outside = [
      nat.send(),
      nat.send(PEER, '198.18.1.2:5001'),
      nat.send(PEER, '198.18.1.3:5000'),
    ]
    expect(new Set(outside).size).toBe(3)
    expect(nat.in(udp(PEER, outside[2]!))).toEqual(udp(PEER, '198.18.1.3:5000'))
    expect(nat.in(tcp(PEER, outside[2]!))).toBe('unmapped')
  })

  test('gives the same ports again with the same seed', () => {
    expect(new TestNat('symmetric', 3).send()).toBe(new TestNat('symmetric', 3).send())
    expect(new TestNat('symmetric', 4).send()).not.toBe(new TestNat('symmetric', 3).send())
  })

  test('leaves a UDP checksum of zero, and a wrong checksum wrong', () => {
    const nat = new TestNat('full-cone')
    const none = udp(HOST, PEER)
    put16(none, 26, 0)
    expect(get16(nat.out(none) as Uint8Array, 26)).toBe(0)
    const wrong = udp(HOST, PEER)
    put16(wrong, 26, get16(wrong, 26) ^ 0x100)
    const outside = nat.send()
    expect(nat.out(wrong)).not.toEqual(udp(outside, PEER))
  })

  test('writes a UDP checksum that becomes zero as 0xffff', () => {
    const nat = new TestNat('full-cone')
    const outside = nat.send()
    // Data with a checksum of zero once the packet is translated.
    const bare = udp(outside, PEER, [0, 0])
    const data = word(get16(bare, 26))
    const sent = nat.out(udp(HOST, PEER, data)) as Uint8Array
    expect(get16(sent, 26)).toBe(0xffff)
  })

  test('passes what is not IPv4, and drops protocols without ports', () => {
    const nat = new TestNat('full-cone')
    const arp = new Uint8Array(42)
    put16(arp, 12, 0x0806)
    expect(nat.nat.outbound(arp, 0, arp.length, 0)).toBe('pass')
    expect(arp).toEqual(Object.assign(new Uint8Array(42), { 12: 8, 13: 6 }))
    expect(nat.out(packet(47, HOST, PEER, [0, 0, 8, 0]))).toBe('untranslatable')
    expect(nat.out(packet(UDP, HOST, PEER, [1, 2]))).toBe('untranslatable')
  })

  test("passes the router's own packets unchanged, and those for it", () => {
    const nat = new TestNat('symmetric')
    for (const bytes of [udp(`${OUTSIDE}:40000`, PEER), echo(`${OUTSIDE}:9`, PEER, 0)]) {
      expect(nat.out(bytes)).toEqual(bytes)
    }
    for (const bytes of [
      udp(PEER, `${OUTSIDE}:53`),
      echo(PEER, OUTSIDE, 8),
      udp(PEER, '192.0.2.77:61000'),
    ]) {
      expect(nat.in(bytes)).toEqual(bytes)
    }
  })

  test('translates the fragments of a packet, the later ones by the first', () => {
    const nat = new TestNat('restricted')
    const outside = nat.send()
    expect(nat.out(firstFragment(HOST, PEER))).toEqual(firstFragment(outside, PEER))
    expect(nat.out(laterFragment(HOST, PEER))).toEqual(laterFragment(outside, PEER))
    expect(nat.in(laterFragment(PEER, outside))).toBe('early')
    expect(nat.in(firstFragment(PEER, outside))).toEqual(firstFragment(PEER, HOST))
    expect(nat.in(laterFragment(PEER, outside))).toEqual(laterFragment(PEER, HOST))
    nat.wait(31)
    expect(nat.in(laterFragment(PEER, outside))).toBe('early')
  })

  test('drops later fragments for the reason of the first one, and forgets them after a rebind', () => {
    const nat = new TestNat('restricted')
    const outside = nat.send()
    expect(nat.in(firstFragment(OTHER, outside))).toBe('filtered')
    expect(nat.in(laterFragment(OTHER, outside))).toBe('filtered')
    nat.nat.rebind()
    expect(nat.in(laterFragment(OTHER, outside))).toBe('early')
  })

  test('knows the fate of the last 4096 fragmented packets', () => {
    const nat = new TestNat('full-cone')
    const outside = nat.send()
    const numbered = (bytes: Uint8Array, id: number) => {
      put16(bytes, 4, id)
      ipv4.fillHeaderChecksum(bytes, 0)
      return bytes
    }
    const first = firstFragment(PEER, outside)
    for (let id = 0; id <= 4096; id++) {
      nat.in(numbered(first, id))
    }
    const later = (id: number) => nat.in(numbered(laterFragment(PEER, outside), id))
    expect([later(0), later(1)]).toEqual(['early', numbered(laterFragment(PEER, HOST), 1)])
  })

  test('keeps the fragments of two protocols with one identification apart', () => {
    const nat = new TestNat('full-cone')
    const [web, dns] = ['198.18.1.2:80', '198.18.1.3:53']
    const [tcpOutside, udpOutside] = [sourceOf(nat.out(tcp(web, PEER, SYN))), nat.send(PEER, dns)]
    nat.in(firstFragment(PEER, tcpOutside, tcp))
    nat.in(firstFragment(PEER, udpOutside))
    expect(nat.in(laterFragment(PEER, OUTSIDE, TCP))).toEqual(laterFragment(PEER, web, TCP))
    expect(nat.in(laterFragment(PEER, OUTSIDE))).toEqual(laterFragment(PEER, dns))
  })

  test('translates ICMP errors and the packets that they quote in both directions', () => {
    const nat = new TestNat('symmetric')
    const outside = nat.send()
    const router = '203.0.113.254'
    expect(nat.in(unreachable(router, OUTSIDE, udp(outside, PEER)))).toEqual(
      unreachable(router, HOST, udp(HOST, PEER)),
    )
    expect(nat.out(unreachable(HOST, PEER, udp(PEER, HOST)))).toEqual(
      unreachable(OUTSIDE, PEER, udp(PEER, outside)),
    )
    const ping = nat.out(echo(HOST, PEER, 8)) as Uint8Array
    expect(nat.in(unreachable(router, OUTSIDE, ping.slice()))).toEqual(
      unreachable(router, HOST, echo(HOST, PEER, 8)),
    )
  })

  test('translates an error that quotes no more than eight bytes of TCP', () => {
    const nat = new TestNat('full-cone')
    const outside = sourceOf(nat.out(tcp(HOST, PEER, SYN)))
    const short = (from: string) => tcp(from, PEER, SYN).subarray(0, 28)
    expect(nat.in(unreachable(PEER, OUTSIDE, short(outside)))).toEqual(
      unreachable(PEER, HOST, short(HOST)),
    )
  })

  test('drops errors about packets that it has not sent', () => {
    const nat = new TestNat('symmetric')
    const outside = nat.send()
    expect(
      nat.in(unreachable(PEER, OUTSIDE, udp(`${OUTSIDE}:${FIRST_PORT - 1}`, PEER))),
    ).not.toBeTypeOf('string')
    expect(nat.in(unreachable(PEER, OUTSIDE, udp(outside, OTHER)))).toBe('filtered')
    nat.nat.rebind()
    expect(nat.in(unreachable(PEER, OUTSIDE, udp(outside, PEER)))).toBe('unmapped')
    expect(nat.in(unreachable(PEER, OUTSIDE, udp(outside, PEER).subarray(0, 19)))).toBe(
      'untranslatable',
    )
  })
})

describe('mapping (RFC 4787 section 4.1)', () => {
  test.each(['full-cone', 'restricted'] as const)(
    'of a %s NAT does not depend on the peer',
    kind => {
      const nat = new TestNat(kind)
      const outside = nat.send(PEER)
      expect([nat.send(PORT2), nat.send(OTHER)]).toEqual([outside, outside])
    },
  )

  test('of a symmetric NAT depends on the address and the port of the peer', () => {
    const nat = new TestNat('symmetric')
    const outside = [nat.send(PEER), nat.send(PORT2), nat.send(OTHER)]
    expect(new Set(outside).size).toBe(3)
    expect(nat.send(PEER)).toBe(outside[0])
  })
})

describe('filtering (RFC 4787 section 5)', () => {
  const verdicts = (kind: NatKind) => {
    const nat = new TestNat(kind)
    const outside = nat.send(PEER)
    return [PEER, PORT2, OTHER].map(peer => typeof nat.in(udp(peer, outside)) !== 'string')
  }

  test('of a full-cone NAT lets every peer in', () => {
    expect(verdicts('full-cone')).toEqual([true, true, true])
  })

  test('of a restricted NAT lets every port of the addresses in that were sent to', () => {
    expect(verdicts('restricted')).toEqual([true, true, false])
  })

  test('of a symmetric NAT lets only the peer of the mapping in', () => {
    expect(verdicts('symmetric')).toEqual([true, false, false])
  })

  test('reports why a packet is dropped', () => {
    const nat = new TestNat('restricted')
    const outside = nat.send(PEER)
    expect(nat.in(udp(OTHER, outside))).toBe('filtered')
    expect(
      nat.in(
        udp(PEER, `${OUTSIDE}:${place(outside)[1] === 65_535 ? 65_534 : place(outside)[1] + 1}`),
      ),
    ).toBe('unmapped')
  })

  test('of a restricted NAT forgets the address of 1024 that was sent to longest ago', () => {
    const nat = new TestNat('restricted')
    const outside = nat.send(PEER)
    nat.send(OTHER)
    nat.send(PEER)
    for (let i = 0; i < 1023; i++) {
      nat.send(`10.0.${i >> 8}.${i & 255}:80`)
    }
    expect(nat.in(udp(OTHER, outside))).toBe('filtered')
    expect(nat.in(udp(PEER, outside))).not.toBeTypeOf('string')
    nat.send('10.9.9.9:80')
    expect(nat.in(udp(PEER, outside))).toBe('filtered')
  })
})

describe('the table of a NAT', () => {
  test.each([
    ['UDP', 120, udp(HOST, PEER), udp],
    ['an echo', 60, echo(HOST, PEER, 8), (from: string, to: string) => echo(from, to, 0)],
    ['a TCP connection', 7440, tcp(HOST, PEER), tcp],
    ['a TCP connection that opens', 240, tcp(HOST, PEER, SYN), tcp],
    ['a TCP connection that closes', 240, tcp(HOST, PEER, FIN | ACK), tcp],
  ] as const)(
    'keeps the mapping of %s for %i s after the last packet from inside',
    (_, seconds, bytes, make) => {
      const nat = new TestNat('full-cone')
      const sent = () => nat.out(bytes) as Uint8Array
      const port = get16(sent(), bytes[9] === ICMP ? 24 : 20)
      const arrives = () => typeof nat.in(make(PEER, `${OUTSIDE}:${port}`)) !== 'string'
      nat.wait(seconds - 1)
      expect(arrives()).toBe(true)
      nat.wait(1)
      expect(arrives()).toBe(false)
      expect(get16(sent(), bytes[9] === ICMP ? 24 : 20)).not.toBe(port)
    },
  )

  test('a packet from inside keeps a mapping, one from outside does not', () => {
    const nat = new TestNat('full-cone')
    const outside = nat.send()
    nat.wait(100)
    expect(nat.send()).toBe(outside)
    nat.wait(100)
    expect(nat.in(udp(PEER, outside))).not.toBeTypeOf('string')
    nat.wait(20)
    expect(nat.in(udp(PEER, outside))).toBe('unmapped')
  })

  test('a connection that closed lasts longer again once it is opened again', () => {
    const nat = new TestNat('full-cone')
    for (const flags of [SYN, ACK, FIN | ACK, ACK]) {
      nat.out(tcp(HOST, PEER, flags))
    }
    nat.wait(239)
    const outside = sourceOf(nat.out(tcp(HOST, PEER, SYN)))
    nat.out(tcp(HOST, PEER))
    nat.wait(241)
    expect(nat.in(tcp(PEER, outside))).toEqual(tcp(PEER, HOST))
  })

  test.each(KINDS.filter(kind => kind !== 'symmetric'))(
    'a connection of a %s NAT is not shortened by another one of its port (RFC 5382 REQ-5)',
    kind => {
      const others: ((nat: TestNat, outside: string) => void)[] = [
        nat => nat.out(tcp(HOST, OTHER, SYN)),
        nat => {
          for (const flags of [SYN, ACK, FIN | ACK, ACK]) {
            nat.out(tcp(HOST, OTHER, flags))
          }
        },
        (nat, outside) => {
          for (const flags of [SYN, ACK]) {
            nat.out(tcp(HOST, OTHER, flags))
          }
          nat.in(tcp(OTHER, outside, RST))
          nat.out(tcp(HOST, OTHER))
        },
        // A full cone admits a stranger's reset, to which the host replies.
        (nat, outside) => {
          nat.in(tcp('203.0.113.9:1', outside, RST))
          nat.out(tcp(HOST, '203.0.113.9:1', RST))
        },
      ]
      for (const other of others) {
        const nat = new TestNat(kind)
        const outside = sourceOf(nat.out(tcp(HOST, PEER, SYN)))
        nat.out(tcp(HOST, PEER))
        other(nat, outside)
        nat.wait(7439)
        expect(nat.in(tcp(PEER, outside))).toEqual(tcp(PEER, HOST))
        nat.wait(1)
        expect(nat.in(tcp(PEER, outside))).toBe('unmapped')
      }
    },
  )

  test('a connection that its peer resets ends 240 s later, and with it the mapping of its port', () => {
    const nat = new TestNat('full-cone')
    const outside = sourceOf(nat.out(tcp(HOST, PEER)))
    nat.out(tcp(HOST, OTHER, SYN))
    nat.in(tcp(PEER, outside, RST))
    nat.wait(100)
    nat.out(tcp(HOST, PEER))
    nat.wait(239)
    expect(nat.in(tcp(PEER, outside))).toEqual(tcp(PEER, HOST))
    nat.wait(1)
    expect(nat.in(tcp(PEER, outside))).toBe('unmapped')
  })

  test('knows 1024 connections of a port, and replaces the first to end by a new connection', () => {
    const nat = new TestNat('full-cone')
    const outside = sourceOf(nat.out(tcp(HOST, PEER)))
    for (let i = 1; i <= 1024; i++) {
      nat.out(tcp(HOST, `203.0.113.9:${i}`, SYN))
    }
    for (const flags of [ACK, FIN]) {
      nat.out(tcp(HOST, OTHER, flags))
    }
    const forgotten = '203.0.113.9:1'
    nat.in(tcp(forgotten, outside, RST))
    nat.wait(7439)
    expect(nat.in(tcp(PEER, outside))).toEqual(tcp(PEER, HOST))
    // A reset of a connection that is not known closes nothing.
    nat.out(tcp(HOST, forgotten))
    nat.wait(7439)
    expect(nat.in(tcp(forgotten, outside))).toEqual(tcp(forgotten, HOST))
    nat.wait(1)
    expect(nat.in(tcp(PEER, outside))).toBe('unmapped')
  })

  test('keeps the parity of ports while ports of that parity are free (RFC 4787 REQ-4)', () => {
    const nat = new TestNat('symmetric')
    const outside = (from: number, i: number) =>
      place(nat.send(`203.0.113.9:${1000 + i}`, `198.18.1.2:${from}`))[1]
    for (let i = 0; i < 50; i++) {
      for (const from of [5000, 5001]) {
        expect(outside(from, i) % 2).toBe(from % 2)
      }
    }
  })

  test('a mapping remains when the former port of its host is given to another mapping', () => {
    const nat = new TestNat('symmetric')
    const others = (n: number) =>
      Array.from({ length: n }, (_, i) => nat.send(PEER, `198.18.1.9:${1000 + i}`))
    const before = nat.send()
    nat.wait(120)
    const now = nat.send()
    expect(now).not.toBe(before)
    expect(others(PORTS - 1)).toContain(before)
    expect(nat.out(udp('198.18.1.9:1', PEER))).toBe('full')
    expect(nat.send()).toBe(now)
  })

  test('a rebind gives everything another port, and closes the old ones', () => {
    const nat = new TestNat('full-cone')
    const [before, other] = [nat.send(), nat.send(PEER, '198.18.1.9:1')]
    nat.nat.rebind()
    expect(nat.in(udp(PEER, before))).toBe('unmapped')
    const after = nat.send()
    expect([before, other]).not.toContain(after)
    expect(nat.in(udp(PEER, after))).toEqual(udp(PEER, HOST))
  })
})

describe('a NAT with options', () => {
  test('a port-restricted NAT admits the endpoints that the host has sent to, by one port', () => {
    const nat = new TestNat('port-restricted')
    const outside = nat.send()
    expect(nat.in(udp(PORT2, outside))).toBe('filtered')
    expect(nat.send(PORT2)).toBe(outside)
    expect(nat.in(udp(PORT2, outside))).toEqual(udp(PORT2, HOST))
    expect(nat.in(udp(OTHER, outside))).toBe('filtered')
  })

  test('mappings of UDP and TCP last as long as the options say', () => {
    const nat = new TestNat('full-cone', 7, { udp: 30 * NSEC_PER_SEC, tcp: 600 * NSEC_PER_SEC })
    const [udpPort, tcpPort] = [nat.send(), sourceOf(nat.out(tcp(HOST, PEER)))]
    nat.wait(29)
    expect(nat.in(udp(PEER, udpPort))).toEqual(udp(PEER, HOST))
    nat.wait(1)
    expect(nat.in(udp(PEER, udpPort))).toBe('unmapped')
    nat.wait(569)
    expect(nat.in(tcp(PEER, tcpPort))).toEqual(tcp(PEER, HOST))
    nat.wait(1)
    expect(nat.in(tcp(PEER, tcpPort))).toBe('unmapped')
  })

  test('a connection that opens ends after the timeout of TCP if that is shorter than 240 s', () => {
    const nat = new TestNat('full-cone', 7, { tcp: 60 * NSEC_PER_SEC })
    const outside = sourceOf(nat.out(tcp(HOST, PEER, SYN)))
    nat.wait(59)
    expect(nat.in(tcp(PEER, outside))).toEqual(tcp(PEER, HOST))
    nat.wait(1)
    expect(nat.in(tcp(PEER, outside))).toBe('unmapped')
  })

  test.each(KINDS)('a %s NAT forwards a port from everyone, for ever and after a rebind', kind => {
    const nat = new TestNat(kind)
    const [inside, outside] = ['198.18.1.9:80', `${OUTSIDE}:8080`]
    expect(nat.nat.forward(TCP, 8080, place(inside)[0], 80)).toBe(undefined)
    nat.wait(1_000_000)
    nat.nat.rebind()
    for (const from of [PEER, OTHER]) {
      expect(nat.in(tcp(from, outside, SYN))).toEqual(tcp(from, inside, SYN))
      expect(nat.out(tcp(inside, from))).toEqual(tcp(outside, from))
      nat.wait(1_000_000)
    }
    expect(nat.in(udp(PEER, outside))).toEqual(udp(PEER, outside))
  })

  test('a port is forwarded once, and an endpoint inside has one port', () => {
    const { nat } = new TestNat('full-cone')
    const [a, b] = [place('198.18.1.9')[0], place('198.18.1.10')[0]]
    expect(nat.forward(TCP, 8080, a, 80)).toBe(undefined)
    expect(nat.forward(TCP, 8080, b, 80)).toBe(8080)
    expect(nat.forward(TCP, 8081, a, 80)).toBe(8080)
    expect(nat.forward(UDP, 8080, b, 80)).toBe(undefined)
  })

  test('an error about a packet from a forwarded port reaches its host', () => {
    const nat = new TestNat('symmetric')
    const [inside, outside] = ['198.18.1.9:53', `${OUTSIDE}:53`]
    nat.nat.forward(UDP, 53, place(inside)[0], 53)
    const error = nat.in(unreachable(OTHER, OUTSIDE, udp(outside, PEER)))
    expect(error).toEqual(unreachable(OTHER, '198.18.1.9', udp(inside, PEER)))
  })

  test('a host inside that sends to the port of another one reaches it from its own port outside', () => {
    const nat = new TestNat('port-restricted')
    const other = '198.18.1.9:7'
    const [one, two] = [nat.send(), nat.send(PEER, other)]
    const turned = (from: string, to: string) => {
      const sent = frame(udp(from, to))
      return [nat.nat.outbound(sent, 0, sent.length, nat.clock.now()), sent.subarray(14)]
    }
    expect(turned(HOST, two)[0]).toBe('filtered')
    expect(turned(other, one)).toEqual(['hairpin', udp(two, HOST)])
    expect(turned(HOST, two)).toEqual(['hairpin', udp(one, other)])
    expect(turned(HOST, `${OUTSIDE}:61999`)[0]).toBe('unmapped')
  })

  test('a NAT with a firewall drops what is for the addresses inside, and passes multicast', () => {
    const nat = new TestNat('full-cone', 7, { blocks: true })
    const outside = nat.send()
    expect(nat.in(udp(PEER, HOST))).toBe('filtered')
    expect(nat.in(udp(PEER, '224.0.0.1:5350'))).toEqual(udp(PEER, '224.0.0.1:5350'))
    expect(nat.in(udp(PEER, outside))).toEqual(udp(PEER, HOST))
    expect(new TestNat('full-cone').in(udp(PEER, HOST))).toEqual(udp(PEER, HOST))
  })
})

describe('the stages of a NAT', () => {
  const wire = testWires()

  test('translate what passes, drop the rest by reason, and complete partial checksums', () => {
    const nat = new Nat('restricted', place(OUTSIDE)[0], random(7))
    const [ab, ba] = [wire([natStage(nat)]), wire([natStage(nat)], { direction: 'ba' })]
    const partial = frame(udp(HOST, PEER))
    put16(partial, 40, ~finish(pseudoHeaderSum4(partial, 14, UDP, 11)) & 0xffff)
    ab.sendFrame(partial, { csumStart: 34, csumOffset: 6 })
    const [sent] = ab.received
    const outside = sourceOf(sent!.bytes.subarray(14))
    expect(sent!.bytes).toEqual(frame(udp(outside, PEER)))
    ba.sendFrame(frame(udp(PEER, outside)))
    ba.sendFrame(frame(udp(OTHER, outside)))
    expect(ba.received.map(({ bytes }) => bytes)).toEqual([frame(udp(PEER, HOST))])
    expect(ba.chain.report()[0]).toMatchObject({ stage: 'nat', drops: { filtered: 1 } })
  })

  test('turn a packet for a host inside back, with its hardware addresses exchanged, and count it out', () => {
    const nat = new Nat('full-cone', place(OUTSIDE)[0], random(7))
    nat.forward(UDP, 80, place('198.18.1.9')[0], 8080)
    const ab = wire([natStage(nat)])
    ab.sendFrame(frame(udp(HOST, `${OUTSIDE}:80`)))
    expect(ab.received).toEqual([])
    const { bytes } = ab.replied[0]!
    expect([...bytes.subarray(0, 12)]).toEqual([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1])
    expect(bytes.subarray(14)).toEqual(udp(sourceOf(bytes.subarray(14)), '198.18.1.9:8080'))
    expect(ab.chain.report()[0]).toMatchObject({ in: 1, out: 1, held: 0, dropped: 0 })
  })

  test('drop packets from outside that have the address of the router', () => {
    const nat = new Nat('full-cone', place(OUTSIDE)[0], random(7))
    const [ab, ba] = [wire([natStage(nat)]), wire([natStage(nat)], { direction: 'ba' })]
    ab.sendFrame(frame(udp(HOST, PEER)))
    ba.sendFrame(frame(udp(`${OUTSIDE}:3478`, sourceOf(ab.received[0]!.bytes.subarray(14)))))
    expect(ba.received).toEqual([])
    expect(ba.chain.report()[0]).toMatchObject({ drops: { filtered: 1 } })
  })

  /** The wire to a router with a host that has sent to PEER, and the host's address outside. */
  function inbound() {
    const nat = new Nat('restricted', place(OUTSIDE)[0], random(7))
    const [ab, ba] = [wire([natStage(nat)]), wire([natStage(nat)], { direction: 'ba' })]
    ab.sendFrame(frame(udp(HOST, PEER)))
    const packets = () => ba.received.map(({ bytes }) => bytes.subarray(14))
    return { nat, ba, packets, outside: sourceOf(ab.received[0]!.bytes.subarray(14)) }
  }

  test('hold fragments that arrive before the first one, and send them after it', () => {
    const { ba, packets, outside } = inbound()
    for (let i = 0; i < 2; i++) {
      ba.sendFrame(frame(laterFragment(PEER, OUTSIDE)))
    }
    ba.sendFrame(frame(laterFragment(OTHER, OUTSIDE)))
    expect(ba.chain.report()[0]).toMatchObject({ in: 3, out: 0, held: 3 })
    ba.sendFrame(frame(firstFragment(PEER, outside)))
    const later = laterFragment(PEER, HOST)
    expect(packets()).toEqual([firstFragment(PEER, HOST), later, later])
    ba.sendFrame(frame(firstFragment(OTHER, outside)))
    expect(ba.chain.report()[0]).toMatchObject({ held: 0, drops: { filtered: 2 } })
  })

  test('drop early fragments after 30 s, each packet at its own time', () => {
    const { ba } = inbound()
    ba.sendFrame(frame(laterFragment(PEER, OUTSIDE)))
    ba.advance(10 * NSEC_PER_SEC)
    ba.sendFrame(frame(laterFragment(OTHER, OUTSIDE)))
    ba.advance(20 * NSEC_PER_SEC - 1)
    expect(ba.chain.report()[0]).toMatchObject({ held: 2, drops: {} })
    ba.advance(1)
    expect(ba.chain.report()[0]).toMatchObject({ held: 1, drops: { unmapped: 1 } })
    ba.advance(10 * NSEC_PER_SEC)
    expect(ba.chain.report()[0]).toMatchObject({ held: 0, drops: { unmapped: 2 } })
  })

  test('count held fragments against the limit after a change of the wire', () => {
    const { nat, ba, outside } = inbound()
    for (let i = 0; i < 2; i++) {
      ba.sendFrame(frame(laterFragment(PEER, OUTSIDE)))
    }
    ba.chain.set([natStage(nat)])
    ba.sendFrame(frame(firstFragment(PEER, outside)))
    for (let i = 0; i < 1001; i++) {
      ba.sendFrame(frame(laterFragment(OTHER, OUTSIDE)))
    }
    expect(ba.chain.report()[0]).toMatchObject({ held: 1000, drops: { limit: 1 } })
    ba.chain.set([natStage(nat)])
    ba.sendFrame(frame(laterFragment(OTHER, OUTSIDE)))
    expect(ba.chain.report()[0]).toMatchObject({ held: 1000, drops: { limit: 2 } })
  })

  test('hold at most 1000 early fragments', () => {
    const { ba, outside } = inbound()
    for (let i = 0; i < 1001; i++) {
      ba.sendFrame(frame(laterFragment(PEER, OUTSIDE)))
    }
    expect(ba.chain.report()[0]).toMatchObject({ held: 1000, drops: { limit: 1 } })
    ba.sendFrame(frame(firstFragment(PEER, outside)))
    ba.sendFrame(frame(laterFragment(OTHER, OUTSIDE)))
    expect(ba.chain.report()[0]).toMatchObject({ out: 1001, held: 1, drops: { limit: 1 } })
  })
})
