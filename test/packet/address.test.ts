import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  formatAddress,
  formatIpv4,
  formatMac,
  formatPrefix,
  ipv4Bytes,
  isInPrefix,
  maskOf,
  networkOf,
  parseAddress,
  parseIpv4,
  parseMac,
  parsePrefix,
  plus,
  prefixesIntersect,
} from '#src/packet/address.ts'
import { forAll } from '#support/for-all.ts'

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 })
// Zeros are common, so that runs of them occur.
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map(groups => Uint8Array.from(groups.flatMap(group => [group >> 8, group & 0xff])))
const address = fc.oneof(ipv4, ipv6)
const almost = fc.string({
  unit: fc.constantFrom(':', '::', '.', '0', '1', '255', '01', 'f', 'ffff', '1.2.3.4', 'g'),
})

/** The first `prefixLen` bits as text, taken one by one. */
function bits(bytes: Uint8Array, prefixLen: number): string {
  return [...bytes]
    .map(byte => byte.toString(2).padStart(8, '0'))
    .join('')
    .slice(0, prefixLen)
}

test('parseAddress accepts exactly the texts that Node accepts as addresses', () => {
  forAll(2000, [fc.oneof(almost, address.map(formatAddress))], text => {
    expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text))
  })
})

test.each([
  '::',
  '::1',
  '1::',
  'fe80::',
  '2001:db8::1',
  '2001:db8:0:1:1:1:1:1',
  '2001:0:0:1::1',
  '2001:db8::1:0:0:1',
  '0:0:1::abcd',
  '::ffff:192.0.2.1',
  '198.18.0.255',
])('formatAddress returns %s in the form of RFC 5952', text => {
  expect(formatAddress(parseAddress(text)!)).toBe(text)
})

test('parseAddress accepts upper case and every form of an IPv6 address', () => {
  const texts = ['0:0:1:0:0:0:0:ABCD', '0:0:1::abcd', '::1:0:0:0:0:abcd', '0000:0:0001::AbCd']
  expect(texts.map(text => formatAddress(parseAddress(text)!))).toEqual(
    Array(4).fill('0:0:1::abcd'),
  )
})

test('formatAddress agrees with the URL standard on IPv6 addresses that are not IPv4-mapped', () => {
  forAll(100, [ipv6], bytes => {
    const text = formatAddress(bytes)
    if (!text.includes('.')) {
      expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`)
    }
  })
})

test('formatAddress throws a RangeError unless there are 4 or 16 bytes', () => {
  expect(() => formatAddress(new Uint8Array(6))).toThrow('an address has 4 or 16 bytes, not 6')
})

test('an IPv4 address is the same as text, as a number and as bytes', () => {
  forAll(100, [ipv4], bytes => {
    const number = parseIpv4(formatAddress(bytes))!
    expect([formatIpv4(number), ipv4Bytes(number)]).toEqual([formatAddress(bytes), bytes])
  })
  expect([parseIpv4('198.18.0.1'), parseIpv4('255.255.255.255')]).toEqual([0xc6120001, 0xffff_ffff])
  expect([parseIpv4('::1'), parseIpv4('198.18.0')]).toEqual([undefined, undefined])
})

test('a MAC address is parsed in either case and formatted in lower case', () => {
  const mac = Uint8Array.of(2, 0, 0x5e, 0xab, 0, 0xff)
  expect([parseMac('02:00:5e:ab:00:ff'), parseMac('02:00:5E:AB:00:FF')]).toEqual([mac, mac])
  expect([formatMac(mac), formatMac(Uint8Array.of(9, ...mac, 9), 1)]).toEqual(
    Array(2).fill('02:00:5e:ab:00:ff'),
  )
})

test.each([
  '',
  '02:00:5e:ab:00',
  '02:00:5e:ab:00:ff:00',
  '02-00-5e-ab-00-ff',
  '2:0:5e:ab:0:ff',
  '02:00:5e:ab:00:fg',
])('parseMac refuses %j', text => {
  expect(parseMac(text)).toBeUndefined()
})

test('parsePrefix reads both families and keeps the host part', () => {
  expect(parsePrefix('198.18.0.1/24')).toEqual({
    bytes: Uint8Array.of(198, 18, 0, 1),
    prefixLen: 24,
  })
  const bytes = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
  expect(parsePrefix('2001:db8::1/64')).toEqual({ bytes, prefixLen: 64 })
})

test.each([
  '198.18.0.1',
  '198.18.0.1/',
  '198.18.0.1/33',
  '198.18.0.1/024',
  '198.18.0.1/-1',
  '198.18.0.1/+8',
  '198.18.0.1/8 ',
  ' 198.18.0.1/8',
  '198.18.0.1/8/8',
  '198.18.0.01/24',
  '198.18.1/24',
  '198.18.0.256/24',
  '198.18.0.1.2/24',
  '0xc6.18.0.1/24',
  '/24',
  '::1/129',
  '::1/0128',
  ':::/64',
  '1::2::3/64',
  '1:2:3:4:5:6:7/64',
  '1:2:3:4:5:6:7:8:9/64',
  '1:2:3:4::5:6:7:8/64',
  '12345::/64',
  'fe80::1%eth0/64',
  '1.2.3.4::/64',
  '::1.2.3.4:5/64',
  ':1::2/64',
  '[::1]/64',
])('parsePrefix refuses %j', text => {
  expect(parsePrefix(text)).toBeUndefined()
})

test('parsePrefix reverses formatPrefix', () => {
  forAll(100, [address, fc.nat(128)], (bytes, length) => {
    const prefix = { bytes, prefixLen: Math.min(length, bytes.length * 8) }
    expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix)
  })
})

test('networkOf, maskOf and isInPrefix agree with a comparison bit by bit', () => {
  const pair = fc.tuple(ipv4, fc.nat(32), fc.nat(31)).map(([one, prefixLen, flip]) => {
    const other = one.slice()
    other[flip >> 3] ^= 0x80 >> (flip & 7)
    return { one, other, prefixLen }
  })
  forAll(100, [pair], ({ one, other, prefixLen }) => {
    const prefix = { bytes: one, prefixLen }
    expect(isInPrefix(other, prefix)).toBe(bits(one, prefixLen) === bits(other, prefixLen))
    expect(isInPrefix(one, prefix)).toBe(true)
    expect(bits(networkOf(prefix), 32)).toBe(bits(one, prefixLen).padEnd(32, '0'))
    expect(bits(ipv4Bytes(maskOf(prefixLen)), 32)).toBe('1'.repeat(prefixLen).padEnd(32, '0'))
  })
})

test('two prefixes intersect when one contains the other, and never across families', () => {
  const intersect = (one: string, other: string) =>
    prefixesIntersect(parsePrefix(one)!, parsePrefix(other)!)
  expect(intersect('198.18.0.1/24', '198.18.0.2/32')).toBe(true)
  expect(intersect('198.18.0.2/32', '198.18.0.1/24')).toBe(true)
  expect(intersect('198.18.0.1/24', '198.18.1.1/24')).toBe(false)
  expect(intersect('198.18.0.1/23', '198.18.1.1/24')).toBe(true)
  expect(intersect('0.0.0.0/0', '198.18.1.1/24')).toBe(true)
  expect(intersect('::/0', '198.18.1.1/24')).toBe(false)
  expect(intersect('2001:db8::/63', '2001:db8:0:1::/64')).toBe(true)
  expect(intersect('2001:db8::/64', '2001:db8:0:1::/64')).toBe(false)
})

test('plus carries within the last four bytes of an address', () => {
  const text = (from: string, n: number) => formatAddress(plus(parseAddress(from)!, n))
  expect([text('198.18.0.255', 1), text('198.18.1.0', -1)]).toEqual(['198.18.1.0', '198.18.0.255'])
  expect(text('2001:db8::ffff:ffff', 1)).toBe('2001:db8::')
})
