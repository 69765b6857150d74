import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contains, parsePrefix } from '../../../src/web/page/frames-address.ts'

describe('addresses and prefixes', () => {
  it.each([
    ['192.0.2.1', 32, 0xc000_0201n],
    ['255.255.255.255', 32, 0xffff_ffffn],
    ['::', 128, 0n],
    ['::1', 128, 1n],
    ['1::', 128, 1n << 112n],
    ['1:2:3:4:5:6:7:8', 128, 0x0001_0002_0003_0004_0005_0006_0007_0008n],
    ['::ffff:192.0.2.1', 128, 0xffff_c000_0201n],
  ])('%s is an address', (text, bits, value) => {
    expect(parsePrefix(text)).toEqual({ bits, value, length: bits })
  })

  it('agrees with node:net on what is an address', () => {
    const part = fc.constantFrom(...'0 1 255 256 01 ffff 10000 g : :: . 1.2.3.4'.split(' '), '')
    const text = fc.array(part, { maxLength: 12 }).map(parts => parts.join(''))
    const joined = fc.array(part, { maxLength: 9 }).map(parts => parts.join(':'))
    fc.assert(
      fc.property(fc.oneof(text, joined, fc.ipV4(), fc.ipV6()), text => {
        expect(parsePrefix(text) !== undefined).toBe(isIPv4(text) || isIPv6(text))
      }),
    )
  })

  it.each([
    '',
    '1.2.3',
    '1:2',
    '1::2:3:4:5:6:7:8',
    '1::2::3',
    '192.0.2.1/',
    '192.0.2.1/33',
    '192.0.2.1/8/8',
    '::/129',
    '/8',
    'x/8',
  ])('%j is none', text => {
    expect(parsePrefix(text)).toBeUndefined()
  })

  it.each([
    ['198.18.0.0/15', '198.19.255.255', true],
    ['198.18.0.0/15', '198.20.0.0', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['::/0', '192.0.2.1', false],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
  ])('%s contains %s: %s', (prefix, address, isInside) => {
    expect(contains(parsePrefix(prefix)!, parsePrefix(address)!)).toBe(isInside)
  })
})
