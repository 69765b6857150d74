/** The hosts of a configuration, a driver file and --hosts together. */
import { describe, expect, test } from 'vitest'
import { formatAddress } from '#src/packet/address.ts'
import { memoryNets } from '#support/memory-net.ts'
import { type LanSetup, populate, resolverConfig } from '../src/population.ts'
import { host, type LanHost } from '../src/services/tcp-handlers.ts'
import { setupOf } from './backbone-net.ts'

const makeNet = memoryNets()
const populated = (yaml: string, more: Partial<LanSetup> = {}) =>
  populate(makeNet().net, setupOf(yaml, more))

/** Returns the name and addresses of every host. */
function all({ hosts }: ReturnType<typeof populated>): string[] {
  return Array.from({ length: hosts.size }, (_, index) => {
    const { name, ip, ip6 } = hosts.host(index)
    return [name, ...[...ip, ...ip6.slice(0, -1)].map(formatAddress)].join(' ')
  })
}

test('the hosts are the gateway, single hosts, hosts with count, and numbered hosts at free addresses', () => {
  const yaml = `
gateway: { name: router, ip: 198.18.0.2, ip6: "2001:db8:0:1::99" }
hosts:
  - { name: node%d, count: 2, ip: 198.18.0.4, ip6: "2001:db8:0:1::4" }
  - { name: web, ip: [198.18.0.1, 198.18.0.9] }
dhcp: { pool: [198.18.0.6, 198.18.0.8, 198.18.0.10] }
`
  expect(
    all(populated(yaml, { count: 3, hosts: [host({ name: 'mine', ip6: '2001:db8:0:1::7' })] })),
  ).toEqual([
    'router 198.18.0.2 2001:db8:0:1::99',
    'web 198.18.0.1 198.18.0.9',
    'mine 2001:db8:0:1::7',
    'node1 198.18.0.4 2001:db8:0:1::4',
    'node2 198.18.0.5 2001:db8:0:1::5',
    'host1 198.18.0.3 2001:db8:0:1::3',
    'host2 198.18.0.11 2001:db8:0:1::b',
    'host3 198.18.0.12 2001:db8:0:1::c',
  ])
})

test('without DHCP no address is reserved for a pool, and without IPv6 no host has an IPv6 address', () => {
  const found = all(populated('dhcp: false\nnetwork6: false', { count: 150 }))
  expect([found[0], found.at(-1)]).toEqual(['gateway 198.18.0.1', 'host150 198.18.0.151'])
})

test('each host has the ports of its definition; hosts with count have the same', () => {
  const mine = () => {}
  const { hosts } = populated(
    `
hosts:
  - { ip: 198.18.0.20, count: 2, services: false, ports: [{ port: 8080, service: http }, { port: 99, service: echo, protocol: udp }] }
  - { ip: 198.18.0.7, ports: [{ port: 99, service: discard }] }
`,
    { hosts: [host({ ip: '198.18.0.8', on: { tcp: { 80: mine, 81: 'daytime' } } })] },
  )
  const tcp = (index: number) =>
    [...hosts.table.kind(index).tcp].map(
      ([port, does]) => `${port} ${typeof does === 'string' ? does : typeof does}`,
    )
  const usual = ['7 echo', '9 discard', '13 daytime', '19 chargen']
  expect([1, 2, 3, 4].map(tcp)).toEqual([
    [...usual, '99 discard'],
    [...usual, '80 function', '81 daytime'],
    ['8080 function'],
    ['8080 function'],
  ])
  expect(hosts.table.kind(2).tcp.get(80)).toBe(mine)
  expect([1, 3].map(index => [...hosts.table.kind(index).udp.keys()])).toEqual([
    [7, 9, 13, 19],
    [99],
  ])
  expect([...hosts.table.tcpPorts].toSorted((a, b) => a - b)).toEqual([
    7, 9, 13, 19, 80, 81, 99, 8080,
  ])
})

describe('an invalid setup', () => {
  test.each<[string, LanHost, RegExp]>([
    ['an address that another host has', { ip: '198.18.0.1' }, /EEXIST/],
    [
      'a name that another host has',
      { name: 'gateway', ip: '198.18.0.9' },
      /EEXIST.*another host has that name/,
    ],
    ['an invalid address', { ip: '198.18.0.256' }, /write it as 198\.18\.0\.7/],
    [
      'count and two first addresses',
      { ip: ['198.18.0.9', '198.18.0.99'], count: 2 },
      /with count, give one address of each family/,
    ],
    ['count and no address', { count: 2 }, /give it a first address/],
    [
      'a TCP port without a handler',
      { ip: '198.18.0.9', on: { tcp: [80] as never } },
      /^host: tcp 0: .*function.* one of echo, discard, daytime, chargen/,
    ],
    [
      'an unknown UDP service',
      { ip: '198.18.0.9', on: { udp: { 7: 'toString' as never } } },
      /^host: udp 'toString': .*function.* one of echo/,
    ],
  ])('a setup with %s is rejected', (_, definition, message) => {
    expect(() => populated('', { hosts: [definition] })).toThrow(message)
  })
})

test('DNS has the names of all hosts, and a record replaces the name of a numbered host', () => {
  const yaml =
    'hosts: [{ name: web, ip: 198.18.0.7 }, { ip: 198.18.0.8 }]\ndns: { domain: x, records: { host1: 198.18.0.99 } }'
  const population = populated(yaml, {
    count: 2,
    hosts: [host({ name: 'mine', ip: '198.18.0.20', ip6: '2001:db8::20' })],
  })
  const { dns } = setupOf(yaml).config
  const { domain, gateway, hosts } = resolverConfig(population, dns!)
  const names = [gateway, ...hosts].map(({ name, addresses }) =>
    [name, ...addresses.map(formatAddress)].join(' '),
  )
  expect([domain, ...names]).toEqual([
    'x',
    'gateway 198.18.0.1 2001:db8:0:1::1',
    'web 198.18.0.7',
    'host1 198.18.0.99',
    'mine 198.18.0.20 2001:db8::20',
    'host2 198.18.0.3 2001:db8:0:1::3',
  ])
})
