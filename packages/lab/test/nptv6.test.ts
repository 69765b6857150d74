import { describe, expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#src/packet/address.ts'
import { finish, onesComplementSum, pseudoHeaderSum6 } from '#src/packet/checksum.ts'
import { long, put16, word } from '#src/packet/octets.ts'
import { Nptv6 } from '../src/nat/nptv6.ts'

const bytesOf = (address: string) => parseAddress(address)!
/** The networks of RFC 6296's example. */
const nptv6 = new Nptv6(bytesOf('fd01:203:405::'), bytesOf('2001:db8:1::'))
const [HOST, OUTSIDE, PEER] = ['fd01:203:405:1::1234', '2001:db8:1:d550::1234', '2001:db8:ffff::1']
const [TCP, UDP, ICMP, FRAGMENT] = [6, 17, 58, 44]

/** Returns a packet. The checksum at `check` of its upper part is right. */
function packet(
  from: string,
  to: string,
  protocol: number,
  upper: readonly number[],
  check: number,
): number[] {
  const header = [
    0x60,
    0,
    0,
    0,
    ...word(upper.length),
    protocol,
    64,
    ...bytesOf(from),
    ...bytesOf(to),
  ]
  const bytes = Uint8Array.from([...header, ...upper])
  const sum = pseudoHeaderSum6(bytes, 0, protocol, upper.length)
  put16(bytes, 40 + check, finish(onesComplementSum(bytes, 40, upper.length, sum)))
  return [...bytes]
}

const udp = (from: string, to: string) =>
  packet(from, to, UDP, [...word(5000), ...word(53), ...word(9), 0, 0, 7], 6)
const tcp = (from: string, to: string) =>
  packet(
    from,
    to,
    TCP,
    [...word(5000), ...word(80), ...long(1), ...long(2), 0x50, 2, 9, 9, 0, 0, 0, 0],
    16,
  )
/** An error that quotes a packet. */
const error = (from: string, to: string, type: number, quoted: readonly number[]) =>
  packet(from, to, ICMP, [type, 0, 0, 0, ...long(0), ...quoted], 2)

/** Translates a frame after some bytes of memory. Returns the verdict and the packet. */
function translated(
  way: 'outbound' | 'inbound',
  ip: readonly number[],
  tag: readonly number[] = [],
) {
  const link = [...Array<number>(12).fill(2), ...tag, 0x86, 0xdd]
  const bytes = Uint8Array.from([9, 9, 9, ...link, ...ip])
  const verdict = nptv6[way](bytes, 3, bytes.length - 3)
  return { verdict, packet: [...bytes.subarray(3 + link.length)] }
}

describe('NPTv6', () => {
  test('adjusts the subnet of RFC 6296’s example, and turns it back', () => {
    expect(translated('outbound', udp(HOST, PEER))).toEqual({
      verdict: 'pass',
      packet: udp(OUTSIDE, PEER),
    })
    expect(translated('inbound', udp(PEER, OUTSIDE))).toEqual({
      verdict: 'pass',
      packet: udp(PEER, HOST),
    })
    expect(formatAddress(nptv6.outside(bytesOf(HOST))!)).toBe(OUTSIDE)
  })

  test('leaves every checksum right, without touching it', () => {
    expect(translated('outbound', tcp(HOST, PEER)).packet).toEqual(tcp(OUTSIDE, PEER))
    expect(translated('inbound', tcp(PEER, OUTSIDE)).packet).toEqual(tcp(PEER, HOST))
    const ping = (from: string) =>
      packet(from, PEER, ICMP, [128, 0, 0, 0, ...word(7), ...word(1)], 2)
    expect(translated('outbound', ping(HOST)).packet).toEqual(ping(OUTSIDE))
  })

  test('gives each subnet another one outside, of the same sum, and finds it again', () => {
    const seen = new Set<string>()
    for (let subnet = 0; subnet < 0xffff; subnet += subnet === 0 || subnet > 0xfff0 ? 1 : 251) {
      const inside = `fd01:203:405:${subnet.toString(16)}::9`
      const sent = translated('outbound', udp(inside, PEER))
      const outside = formatAddress(Uint8Array.from(sent.packet.slice(8, 24)))
      seen.add(outside)
      expect(sent.packet).toEqual(udp(outside, PEER))
      expect(translated('inbound', udp(PEER, outside)).packet).toEqual(
        udp(PEER, formatAddress(bytesOf(inside))),
      )
    }
    expect(seen.size).toBeGreaterThan(260)
    expect([...seen].some(address => address.includes(':ffff:'))).toBe(false)
  })

  test('drops packets of the subnet ffff, which has no other', () => {
    expect(translated('outbound', udp('fd01:203:405:ffff::1', PEER)).verdict).toBe('untranslatable')
    expect(translated('inbound', udp(PEER, '2001:db8:1:ffff::1')).verdict).toBe('untranslatable')
    expect(translated('outbound', udp(HOST, '2001:db8:1:ffff::1')).verdict).toBe('untranslatable')
    expect(nptv6.outside(bytesOf('fd01:203:405:ffff::1'))).toBeUndefined()
    expect(nptv6.outside(bytesOf(PEER))).toBeUndefined()
  })

  test('turns a packet for another host inside back, with both addresses translated', () => {
    const neighbour = 'fd01:203:405:2::5'
    const at = formatAddress(nptv6.outside(bytesOf(neighbour))!)
    const turned = { verdict: 'hairpin', packet: udp(OUTSIDE, neighbour) }
    expect(translated('outbound', udp(HOST, at))).toEqual(turned)
  })

  test('translates the packets that errors quote, in both directions', () => {
    const [router, inner] = ['2001:db8:5::1', 'fd01:203:405:1::2']
    expect(translated('inbound', error(router, OUTSIDE, 3, udp(OUTSIDE, PEER))).packet).toEqual(
      error(router, HOST, 3, udp(HOST, PEER)),
    )
    const from = formatAddress(nptv6.outside(bytesOf(inner))!)
    expect(translated('outbound', error(inner, PEER, 1, udp(PEER, HOST))).packet).toEqual(
      error(from, PEER, 1, udp(PEER, OUTSIDE)),
    )
    // A message that is not an error has no quote.
    const message = error(PEER, OUTSIDE, 128, udp(OUTSIDE, PEER))
    expect(translated('inbound', message).packet.slice(48)).toEqual(udp(OUTSIDE, PEER))
    const cut = error(router, OUTSIDE, 2, udp(OUTSIDE, PEER).slice(0, 39))
    expect(translated('inbound', cut).packet.slice(48)).toEqual(udp(OUTSIDE, PEER).slice(0, 39))
  })

  test('translates fragments and tagged frames', () => {
    const fragment = (from: string) => {
      const payload = [UDP, 0, ...word(1448), ...long(7), 1, 2, 3]
      return [
        0x60,
        0,
        0,
        0,
        ...word(payload.length),
        FRAGMENT,
        64,
        ...bytesOf(from),
        ...bytesOf(PEER),
        ...payload,
      ]
    }
    expect(translated('outbound', fragment(HOST)).packet).toEqual(fragment(OUTSIDE))
    expect(translated('outbound', udp(HOST, PEER), [0x81, 0, 0, 5]).packet).toEqual(
      udp(OUTSIDE, PEER),
    )
  })

  test('drops packets from outside with addresses of the network inside', () => {
    expect(translated('inbound', udp(HOST, OUTSIDE)).verdict).toBe('filtered')
    expect(translated('inbound', udp(PEER, HOST)).verdict).toBe('filtered')
  })

  test('lets other packets pass unchanged', () => {
    const others = [udp('2001:db8:2::1', PEER), udp('fe80::1', 'ff02::1')]
    for (const other of others) {
      expect(translated('outbound', other)).toEqual({ verdict: 'pass', packet: other })
      expect(translated('inbound', other)).toEqual({ verdict: 'pass', packet: other })
    }
    expect(translated('outbound', [0x60, 0, 0, 0])).toMatchObject({ verdict: 'pass' })
    const arp = Uint8Array.from([...Array<number>(12).fill(2), 8, 6, ...udp(HOST, PEER)])
    expect(nptv6.outbound(arp, 0, arp.length)).toBe('pass')
    expect([...arp.slice(14)]).toEqual(udp(HOST, PEER))
  })
})
