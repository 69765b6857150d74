/**
 * The DHCP server's configuration: the values of options, and the errors of an invalid description.
 */
import { describe, expect, test } from 'vitest'
import { SPEC } from '#support/dhcp.ts'
import type { DhcpSpec } from '../../../src/services/dhcp/config.ts'
import { dhcpConfig } from '../../../src/services/dhcp/config.ts'
import {
  encodeOption,
  type OptionType,
  type OptionValue,
  optionNames,
  optionOf,
} from '../../../src/services/dhcp/options.ts'

describe('an option', () => {
  test.each<[OptionType, OptionValue, number[]]>([
    ['address', '198.18.0.1', [198, 18, 0, 1]],
    ['addresses', ['198.18.0.1', '198.18.0.2'], [198, 18, 0, 1, 198, 18, 0, 2]],
    ['routes', '198.19.128.0/17 via 198.18.0.1', [17, 198, 19, 128, 198, 18, 0, 1]],
    [
      'routes',
      ['0.0.0.0/0 via 198.18.0.1', '10.0.0.0/8 via 198.18.0.2'],
      [0, 198, 18, 0, 1, 8, 10, 198, 18, 0, 2],
    ],
    ['pairs', '198.19.0.0 198.18.0.1', [198, 19, 0, 0, 198, 18, 0, 1]],
    ['text', 'lan', [108, 97, 110]],
    ['names', ['a.lan', 'b.'], [1, 97, 3, 108, 97, 110, 0, 1, 98, 0]],
    ['flag', true, [1]],
    ['u8', 255, [255]],
    ['u16', 258, [1, 2]],
    ['u16s', [1, 258], [0, 1, 1, 2]],
    ['u32', 0xfffe_fdfc, [255, 254, 253, 252]],
    ['i32', -2, [255, 255, 255, 254]],
    ['bytes', '01:fF', [1, 255]],
    ['bytes', '0x0102', [1, 2]],
  ])('an option of type %s accepts %o', (type, value, octets) => {
    expect([...encodeOption(type, value)]).toEqual(octets)
  })

  test.each<[OptionType, OptionValue]>([
    ['address', '198.18.0'],
    ['address', ['198.18.0.1']],
    ['addresses', []],
    ['routes', '198.19.0.0 via 198.18.0.1'],
    ['routes', '198.19.0.0/33 via 198.18.0.1'],
    ['routes', '198.19.0.0/24 via 198.18.0.1 or so'],
    ['pairs', '198.19.0.0'],
    ['text', ''],
    ['text', 'a\0'],
    ['text', 'a'.repeat(256)],
    ['names', 'a..b'],
    ['names', 'a'.repeat(64)],
    ['flag', 1],
    ['u8', 256],
    ['u8', 1.5],
    ['u16', -1],
    ['mtu', 67],
    ['bytes', '1'],
    ['bytes', 'xy'],
  ])('an option of type %s refuses %o', (type, value) => {
    expect(() => encodeOption(type, value)).toThrow(/^takes .*, not /)
  })

  test('an option has one name, and has its type by number, too', () => {
    const codes = optionNames.map(name => optionOf(name)?.code)
    expect(new Set(codes).size).toBe(codes.length)
    expect(optionOf('6')).toEqual({ code: 6, type: 'addresses' })
    expect(optionOf('224')).toEqual({ code: 224, type: 'bytes' })
    for (const name of ['0', '255', '256', '53', '82', '07', 'toString', 'x']) {
      expect(optionOf(name)).toBeUndefined()
    }
  })
})

test.each<[string, Partial<DhcpSpec>, RegExp]>([
  [
    'an unknown option',
    { options: { rooter: '198.18.0.1' } },
    /^dhcp\.options\.rooter: .*no option "rooter"/,
  ],
  ['an option that only the server sets', { options: { 51: '00' } }, /^dhcp\.options\.51/],
  [
    'a value of another type',
    { options: { mtu: 'large' } },
    /^dhcp\.options\.mtu: .*takes a whole number from 68 to 65535, not "large"/,
  ],
  [
    'a reservation without a client',
    { reservations: [{ address: '198.18.0.9' }] },
    /reservations\[0\]: .*either its mac or its clientId/,
  ],
  ['a lease time below its minimum', { leaseTime: 10, minLeaseTime: 20 }, /^dhcp\.leaseTime/],
  ['a renewal after the rebinding', { renewalTime: 9, rebindingTime: 8 }, /^dhcp\.renewalTime/],
  ['a boot file name that is too long', { boot: { file: 'a'.repeat(128) } }, /^dhcp\.boot\.file/],
])('%s is refused, and the error names the place', (_, spec, message) => {
  expect(() => dhcpConfig({ ...SPEC, ...spec })).toThrow(message)
})
