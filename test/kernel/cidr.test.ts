import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatAddress,
  formatCidr,
  parseAddress,
  parseCidr,
  prefixesIntersect,
  samePrefix,
} from '../../src/kernel/cidr.ts'
import { AF_INET, AF_INET6 } from '../../src/kernel/uapi.ts'

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 })
// zeros are common, so that runs of them are met
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map(groups => Uint8Array.from(groups.flatMap(group => [group >> 8, group & 0xff])))
const address = fc.oneof(ipv4, ipv6)
const almost = fc.string({ unit: fc.constantFrom(':', '::', '.', '0', '1', '255', '01', 'f', 'ffff', '1.2.3.4', 'g') })

/** One bit after the other, the obvious way. */
function bits(bytes: Uint8Array, prefixLen: number): string {
  return [...bytes]
    .map(octet => octet.toString(2).padStart(8, '0'))
    .join('')
    .slice(0, prefixLen)
}

describe('parseCidr', () => {
  test('it reads both families and keeps the host part', () => {
    expect(parseCidr('198.18.0.1/24')).toEqual({
      family: AF_INET,
      bytes: Uint8Array.of(198, 18, 0, 1),
      prefixLen: 24,
    })
    expect(parseCidr('2001:db8::1/64')).toEqual({
      family: AF_INET6,
      bytes: Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
      prefixLen: 64,
    })
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
  ])('%s is refused', text => {
    expect(parseCidr(text)).toBeUndefined()
  })

  test('it takes back what formatCidr gives', () => {
    fc.assert(
      fc.property(address, fc.nat(128), (bytes, prefix) => {
        const cidr = {
          family: bytes.length === 4 ? AF_INET : AF_INET6,
          bytes,
          prefixLen: Math.min(prefix, bytes.length * 8),
        } as const
        expect(parseCidr(formatCidr(cidr))).toEqual(cidr)
      }),
    )
  })
})

describe('parseAddress', () => {
  test('it accepts exactly the texts that Node takes for addresses', () => {
    fc.assert(
      fc.property(fc.oneof(almost, address.map(formatAddress)), text => {
        expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('formatAddress', () => {
  test.each([
    '::',
    '::1',
    '1::',
    '2001:db8::1',
    '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1::1',
    '2001:db8::1:0:0:1',
    '::ffff:192.0.2.1',
    '198.18.0.255',
  ])('%s is in its canonical form', text => {
    expect(formatAddress(parseAddress(text)!)).toBe(text)
  })

  test('it agrees with the URL standard where that compresses alike', () => {
    fc.assert(
      fc.property(ipv6, bytes => {
        const text = formatAddress(bytes)
        if (!text.includes('.')) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`)
      }),
    )
  })

  test('other lengths are refused', () => {
    expect(() => formatAddress(new Uint8Array(6))).toThrow('an address has 4 or 16 octets, not 6')
  })
})

describe('prefixes', () => {
  test('samePrefix compares bit by bit', () => {
    const pair = fc.tuple(ipv4, fc.nat(32), fc.nat(31)).map(([one, prefixLen, flip]) => {
      const other = one.slice()
      other[flip >> 3] ^= 0x80 >> (flip & 7)
      return { one, other, prefixLen }
    })
    fc.assert(
      fc.property(pair, ({ one, other, prefixLen }) => {
        expect(samePrefix(one, other, prefixLen)).toBe(bits(one, prefixLen) === bits(other, prefixLen))
        expect(samePrefix(one, one, prefixLen)).toBe(true)
      }),
    )
  })

  test('two prefixes intersect when one holds the other, and never across families', () => {
    const intersect = (one: string, other: string) => prefixesIntersect(parseCidr(one)!, parseCidr(other)!)
    expect(intersect('198.18.0.1/24', '198.18.0.2/32')).toBe(true)
    expect(intersect('198.18.0.2/32', '198.18.0.1/24')).toBe(true)
    expect(intersect('198.18.0.1/24', '198.18.1.1/24')).toBe(false)
    expect(intersect('198.18.0.1/23', '198.18.1.1/24')).toBe(true)
    expect(intersect('0.0.0.0/0', '198.18.1.1/24')).toBe(true)
    expect(intersect('::/0', '198.18.1.1/24')).toBe(false)
    expect(intersect('2001:db8::/63', '2001:db8:0:1::/64')).toBe(true)
    expect(intersect('2001:db8::/64', '2001:db8:0:1::/64')).toBe(false)
  })
})
