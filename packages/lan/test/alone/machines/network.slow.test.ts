import { describe, expect, test } from 'vitest'
import { formatAddress } from '#src/packet/address.ts'
import { memoryNets } from '#support/memory-net.ts'
import { createNetwork } from '../../../src/machines/network.ts'

const makeNet = memoryNets()

function network(options = {}) {
  return createNetwork(makeNet().net, options)
}

describe('createNetwork', () => {
  test('the gateway has the first address, and the counted hosts the next ones that are not reserved', () => {
    const { hosts, gateway } = network({
      count: 120,
      reserved: (address: number) => address >= 0xc6120064 && address <= 0xc61200c7,
    })
    expect([gateway.name, gateway.ip.map(formatAddress), gateway.ip6.map(formatAddress)]).toEqual([
      'gateway',
      ['198.18.0.1'],
      ['2001:db8:0:1::1', 'fe80::4c:4eff:fe12:1'],
    ])
    const described = [1, 98, 99, 120].map(index => {
      const { name, ip, ip6 } = hosts.host(index)
      return [name, ip.map(formatAddress).join(), formatAddress(ip6[0]!)]
    })
    expect(described).toEqual([
      ['host1', '198.18.0.2', '2001:db8:0:1::2'],
      ['host98', '198.18.0.99', '2001:db8:0:1::63'],
      ['host99', '198.18.0.200', '2001:db8:0:1::c8'],
      ['host120', '198.18.0.221', '2001:db8:0:1::dd'],
    ])
    expect(hosts.byName('host120')?.index).toBe(120)
    expect(hosts.byAddress(Uint8Array.of(198, 18, 0, 200))?.name).toBe('host99')
    expect(hosts.byAddress(Uint8Array.of(198, 18, 0, 150))).toBeUndefined()
  })

  test('counted hosts get no address that is reserved or another host’s', () => {
    const { hosts } = network({
      count: 3,
      hosts: [{ name: 'a', ip: '198.18.0.2' }],
      reserved: (address: number) => address === 0xc6120003,
    })
    expect([2, 3, 4].map(index => formatAddress(hosts.host(index).ip[0]!))).toEqual([
      '198.18.0.4',
      '198.18.0.5',
      '198.18.0.6',
    ])
  })

  test('the network may be another one, and of one family only', () => {
    const { hosts, gateway, prefix, prefix6 } = network({
      network: '192.0.2.77/28',
      network6: null,
      count: 2,
    })
    expect([
      formatAddress(prefix.bytes),
      prefix6,
      gateway.ip.map(formatAddress),
      gateway.ip6,
    ]).toEqual(['192.0.2.64', undefined, ['192.0.2.65'], []])
    expect(hosts.host(2).ip.map(formatAddress)).toEqual(['192.0.2.67'])
  })

  test.each([
    [
      { network: 'x' },
      'network x: EINVAL, invalid argument; write it as 198.18.0.0/24, at most /30',
    ],
    [{ network: '198.18.0.0/31' }, 'at most /30'],
    [{ network6: '198.18.0.0/24' }, 'write it as 2001:db8:0:1::/64'],
    [
      { count: 254 },
      '254 hosts in 198.18.0.0/24: EINVAL, invalid argument; there is room for 253: take a shorter prefix',
    ],
    [{ hosts: [{ ip: '198.18.0.1' }] }, 'another host has that hardware address'],
    [{ hosts: [{ ip: '198.18.0.1', mac: '02:00:00:00:00:01' }] }, 'host 198.18.0.1: EEXIST'],
    [
      { hosts: [{ ip6: '2001:db8:0:1::1', mac: '02:00:00:00:00:01' }] },
      'host 2001:db8:0:1::1: EEXIST',
    ],
    [{ hosts: [{ name: 'gateway', ip: '198.18.0.7' }] }, 'host gateway: EEXIST'],
    [{ hosts: [{ ip: '224.0.0.1' }] }, 'no host can have that address'],
    [{ hosts: [{ ip6: 'ff02::1' }] }, 'no host can have that address'],
    [
      { hosts: [{ ip: '198.18.0.7', mac: '03:00:00:00:00:01' }] },
      'a station has a unicast address',
    ],
    [{ hosts: [{ ip: '198.18.0.7', mac: 'x' }] }, 'hardware address x: EINVAL'],
    [
      { hosts: [{ ip: '198.18.0' }] },
      'address 198.18.0: EINVAL, invalid argument; write it as 198.18.0.7',
    ],
    [{ hosts: [{ name: 'a' }] }, 'host a: EINVAL, invalid argument; give it an address'],
    [
      { hosts: [{ ip: '198.18.0.7', on: { udp: { 65536: () => {} } } }] },
      'a whole number from 0 to 65535',
    ],
    [
      { hosts: [{ ip: '198.18.0.7', on: { tcp: { '-1': 'echo' } } }] },
      'a whole number from 0 to 65535',
    ],
    [
      { hosts: [{ ip: '198.18.0.7', on: { icmpv6: { 256: () => {} } } }] },
      'a whole number from 0 to 255',
    ],
  ])('invalid options are refused: %j', (options, message) => {
    expect(() => network(options)).toThrow(message)
  })

  test('a host may have several addresses of each family and sends from the first', () => {
    const { hosts } = network({
      hosts: [
        {
          ip: ['198.18.0.7', '198.18.0.8'],
          ip6: ['2001:db8:0:1::7', '2001:db8:0:1::8'],
          mac: '02:00:00:00:00:07',
        },
      ],
    })
    expect(hosts.host(1).ip.map(formatAddress)).toEqual(['198.18.0.7', '198.18.0.8'])
    expect(hosts.host(1).ip6.map(formatAddress)).toEqual([
      '2001:db8:0:1::7',
      '2001:db8:0:1::8',
      'fe80::ff:fe00:7',
    ])
    for (const octet of [7, 8]) {
      expect(hosts.byAddress(Uint8Array.of(198, 18, 0, octet))?.index).toBe(1)
    }
  })
})

test('10,000 hosts in a /16 take less than 50 MB', () => {
  const { net } = makeNet()
  const gc = globalThis.gc as () => void
  const used = () => {
    gc()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = used()
  const { hosts } = createNetwork(net, { network: '198.18.0.0/16', count: 10_000 })
  const taken = used() - before
  expect(hosts.size).toBe(10_001)
  expect(taken).toBeLessThan(50e6)
})
