/** What the DHCP server can be told to give, and what it says of a description that makes no sense. */
import { describe, expect, test } from 'vitest'
import { dhcpConfig } from '../../../src/segment/dhcp/config.ts'
import { optionNames, optionOf } from '../../../src/segment/dhcp/option-names.ts'
import { encodeOption, type OptionType, type OptionValue } from '../../../src/segment/dhcp/option-values.ts'
import type { DhcpSpec } from '../../../src/segment/dhcp/spec.ts'
import { SPEC } from '../../support/dhcp.ts'

describe('an option', () => {
  test.each<[OptionType, OptionValue, number[]]>([
    ['address', '198.18.0.1', [198, 18, 0, 1]],
    ['addresses', ['198.18.0.1', '198.18.0.2'], [198, 18, 0, 1, 198, 18, 0, 2]],
    ['routes', '198.19.128.0/17 via 198.18.0.1', [17, 198, 19, 128, 198, 18, 0, 1]],
    ['routes', ['0.0.0.0/0 via 198.18.0.1', '10.0.0.0/8 via 198.18.0.2'], [0, 198, 18, 0, 1, 8, 10, 198, 18, 0, 2]],
    ['pairs', '198.19.0.0 198.18.0.1', [198, 19, 0, 0, 198, 18, 0, 1]],
    ['text', 'lan', [108, 97, 110]],
    ['names', ['a.lan', 'b.'], [1, 97, 3, 108, 97, 110, 0, 1, 98, 0]],
    ['flag', true, [1]],
    ['u8', 255, [255]],
    ['u16', 258, [1, 2]],
    ['u16s', [1, 258], [0, 1, 1, 2]],
    ['u32', 0xfffe_fdfc, [255, 254, 253, 252]],
    ['i32', -2, [255, 255, 255, 254]],
    ['octets', '01:fF', [1, 255]],
    ['octets', '0x0102', [1, 2]],
  ])('of the kind %s takes %o', (type, value, octets) => {
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
    ['octets', '1'],
    ['octets', 'xy'],
  ])('of the kind %s does not take %o', (type, value) => {
    expect(() => encodeOption(type, value)).toThrow(/^takes .*, not /)
  })

  test('has one name, and one by its number knows its type', () => {
    const codes = optionNames.map(name => optionOf(name)?.code)
    expect(new Set(codes).size).toBe(codes.length)
    expect(optionOf('6')).toEqual({ code: 6, type: 'addresses' })
    expect(optionOf('224')).toEqual({ code: 224, type: 'octets' })
    for (const name of ['0', '255', '256', '53', '82', '07', 'toString', 'x']) expect(optionOf(name)).toBeUndefined()
  })
})

test.each<[string, Partial<DhcpSpec>, RegExp]>([
  ['a server of no network', { server: '192.0.2.1' }, /^dhcp\.server: .*no subnet holds 192\.0\.2\.1/],
  ['a network with a host part', { subnets: [{ network: '198.18.0.1/24' }] }, /^dhcp\.subnets\[0\]\.network/],
  [
    'two networks in one another',
    { subnets: [...SPEC.subnets, { network: '198.18.0.0/16' }] },
    /subnets\[1\]\.network.*overlaps/,
  ],
  [
    'a range that goes down',
    { subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.9-198.18.0.8'] }] },
    /ranges\[0\]/,
  ],
  [
    'a range with the broadcast address',
    { subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.9-198.18.0.255'] }] },
    /leaves/,
  ],
  ['an unknown option', { options: { rooter: '198.18.0.1' } }, /^dhcp\.options\.rooter: .*no option "rooter"/],
  ["an option of the server's", { options: { 51: '00' } }, /^dhcp\.options\.51/],
  [
    'a value of another kind',
    { options: { mtu: 'large' } },
    /^dhcp\.options\.mtu: .*takes a whole number of 68 to 65535, not "large"/,
  ],
  [
    'a reservation of nobody',
    { reservations: [{ address: '198.18.0.9' }] },
    /reservations\[0\]: .*either its mac or its clientId/,
  ],
  [
    'a reservation elsewhere',
    { reservations: [{ mac: '02:00:00:00:00:01', address: '192.0.2.1' }] },
    /reservations\[0\]\.address/,
  ],
  [
    'a reservation of the server',
    { reservations: [{ mac: '02:00:00:00:00:01', address: '198.18.0.1' }] },
    /reservations\[0\]\.address/,
  ],
  [
    'a MAC address of five octets',
    { reservations: [{ mac: '02:00:00:00:00', address: '198.18.0.9' }] },
    /reservations\[0\]\.mac/,
  ],
  [
    'a host name with a space',
    { reservations: [{ mac: '02:00:00:00:00:01', address: '198.18.0.9', hostname: 'a b' }] },
    /hostname/,
  ],
  ['times out of order', { leaseTime: 10, minLeaseTime: 20 }, /^dhcp\.leaseTime/],
  ['a time of nothing', { leaseTime: 0 }, /^dhcp\.leaseTime.*whole seconds/],
  ['a file name without end', { boot: { file: 'a'.repeat(128) } }, /^dhcp\.boot\.file/],
])('%s is refused in one line that names the place', (_, spec, message) => {
  expect(() => dhcpConfig({ ...SPEC, ...spec })).toThrow(message)
})
