/** The configuration file: what it means, and the lines with which invalid files are rejected. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatAddress } from '#src/packet/address.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { loadLanConfig, parseLanConfig } from '../../src/config/config.ts'
import { type LanFile, lanSchema } from '../../src/config/schema.ts'
import { optionNames } from '../../src/services/dhcp/options.ts'
import { example, page, parse, rejected } from './example.ts'

test('packages/lan/docs/lan-config.md lists the name of every DHCP option', () => {
  expect(optionNames.filter(name => !page.includes(`\`${name}\``))).toEqual([])
})

describe('a valid file', () => {
  test.each(['', '# nothing\n', '{}', 'null', '---\n'])(
    'an empty file, %j, has all defaults',
    text => {
      const { network, network6, gateway, hosts, dhcp, dns, ra, dhcpv6 } = parse(text)
      expect({ network, network6, gateway, hosts }).toEqual({
        network: '198.18.0.0/24',
        network6: '2001:db8:0:1::/64',
        gateway: { name: 'gateway', mac: undefined, ip: '198.18.0.1', ip6: '2001:db8:0:1::1' },
        hosts: [],
      })
      expect(dhcp).toEqual({
        server: '198.18.0.1',
        network: '198.18.0.0/24',
        ranges: ['198.18.0.100-198.18.0.199'],
        authoritative: true,
        options: { 'domain-name': 'lan' },
      })
      expect(dns).toEqual({ domain: 'lan', names: [] })
      expect(ra?.maxInterval).toBe(600)
      expect(ra?.advert).toMatchObject({
        lifetime: 1800,
        managed: false,
        other: true,
        hopLimit: 64,
        mtu: undefined,
      })
      expect(ra?.advert.prefixes).toMatchObject([
        {
          prefixLen: 64,
          onLink: true,
          autonomous: true,
          validLifetime: 86400,
          preferredLifetime: 14400,
        },
      ])
      expect(ra?.advert.prefixes.map(({ prefix }) => formatAddress(prefix))).toEqual([
        '2001:db8:0:1::',
      ])
      expect(dhcpv6?.servers.map(formatAddress)).toEqual(['2001:db8:0:1::1'])
      expect(dhcpv6?.domains).toEqual(['lan'])
    },
  )

  test('the example of packages/lan/docs/lan-config.md means what its comments say', () => {
    const { network, gateway, hosts, dhcp, dns, ra } = parse(example)
    expect([network, gateway.mac, gateway.ip, ra?.advert.mtu]).toEqual([
      '198.18.0.0/16',
      '02:00:00:00:00:01',
      '198.18.0.1',
      1400,
    ])
    expect(hosts).toEqual([
      {
        name: 'web',
        mac: '02:00:00:00:00:02',
        ip: '198.18.0.2',
        ip6: '2001:db8:0:1::2',
        services: true,
        on: { tcp: { 80: expect.any(Function) }, udp: {} },
      },
      { name: 'node%d', ip: '198.18.8.1', count: 1000, services: false, on: { tcp: {}, udp: {} } },
    ])
    expect(dhcp).toMatchObject({
      leaseTime: 600,
      options: { 'domain-name': 'example.lan', 'ntp-server': '198.18.0.1', mtu: 1400 },
      reservations: [{ mac: '02:00:00:00:00:99', address: '198.18.0.50', hostname: 'printer' }],
    })
    const named = dns?.names.map(
      ({ name, addresses }) => `${name} ${addresses.map(formatAddress).join(' ')}`,
    )
    expect(named?.length).toBe(1003)
    expect([named?.[0], named?.[1], named?.[1000], named?.[1001], named?.[1002]]).toEqual([
      'web 198.18.0.2 2001:db8:0:1::2',
      'node1 198.18.8.1',
      'node1000 198.18.11.232',
      'api 198.18.0.2 2001:db8:0:1::2',
      'www.example.com. 198.18.0.2',
    ])
  })

  test('a file may be JSON, indented or not', () => {
    const json: LanFile = {
      hosts: [{ ip: ['198.18.0.7', '198.18.0.8'] }],
      dhcp: false,
      dns: false,
      ra: false,
      network6: false,
    }
    for (const indent of [undefined, 2, '\t']) {
      const { hosts, dhcp, dns, ra, dhcpv6, network6 } = parse(
        JSON.stringify(json, undefined, indent),
      )
      expect(hosts.map(({ ip }) => ip)).toEqual([['198.18.0.7', '198.18.0.8']])
      expect([dhcp, dns, ra, dhcpv6, network6]).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
      ])
    }
  })

  test('the DHCP server is authoritative by default, unless another one is likely', () => {
    const authoritative = (text: string) =>
      parseLanConfig(text, 'lan.yaml', { authoritative: false }).dhcp?.authoritative
    expect([authoritative(''), authoritative('dhcp: { leaseTime: 60 }')]).toEqual([false, false])
    expect(authoritative('dhcp: { authoritative: true }')).toBe(true)
    expect(authoritative('dhcp: false')).toBeUndefined()
    expect(parse('dhcp: { authoritative: false }').dhcp?.authoritative).toBe(false)
  })

  test('DHCP, router advertisements and services that are off by default are turned on one by one', () => {
    const serving = (text: string) => {
      const { dhcp, ra, dhcpv6, dns, hosts, services } = parseLanConfig(text, 'lan.yaml', {
        serves: false,
      })
      return [dhcp, ra, dhcpv6, dns]
        .map(part => part !== undefined)
        .concat(services, ...hosts.map(host => host.services === true))
    }
    expect(serving('')).toEqual([false, false, false, true, false])
    expect(serving('dhcp: {}')).toEqual([true, false, false, true, false])
    expect(serving('ra: {}')).toEqual([false, true, true, true, false])
    const hosts = 'hosts: [{ ip: 198.18.0.2, services: true }, { ip: 198.18.0.3 }]'
    expect(serving(hosts)).toEqual([false, false, false, true, false, true, false])
  })

  test('a router advertisement may have eight resolvers and six search domains', () => {
    const rdnss = Array.from({ length: 8 }, (_, i) => `::${i + 1}`)
    const dnssl = ['a.lan', 'b.lan', 'c.lan', 'd.lan', 'e.lan', 'f.lan']
    const { ra } = parse(JSON.stringify({ ra: { rdnss, dnssl } }))
    expect([ra?.advert.rdnss?.servers.length, ra?.advert.dnssl?.domains]).toEqual([8, dnssl])
  })

  test('without DNS, the gateway is not offered as a resolver', () => {
    const { dhcp, ra } = parse('dns: false')
    expect(dhcp?.options).toEqual({ 'dns-server': null })
    expect([ra?.advert.rdnss?.servers, ra?.advert.dnssl?.domains]).toEqual([[], []])
  })

  test.each([
    ['198.18.4.0/22', '198.18.4.100-198.18.4.199'],
    ['198.18.0.64/26', '198.18.0.96-198.18.0.126'],
    ['198.18.0.4/30', '198.18.0.6'],
  ])('the network %s has the pool %s', (network, pool) => {
    expect(parse(`network: ${network}`).dhcp?.ranges).toEqual([pool])
  })

  test('a prefix is autonomous only if it has 64 bits, and lifetimes may be infinite', () => {
    const { ra } = parse(
      'network6: 2001:db8::/48\nra: { validLifetime: infinite, preferredLifetime: infinite }',
    )
    expect(ra?.advert.prefixes[0]).toMatchObject({
      prefixLen: 48,
      autonomous: false,
      validLifetime: Number.POSITIVE_INFINITY,
      preferredLifetime: Number.POSITIVE_INFINITY,
    })
  })
})

describe('an invalid file', () => {
  test.each<[string, string[]]>([
    // YAML
    [
      'hosts: [',
      [
        '1:9: the entries of a list or mapping must start in one column, and [ and { need their ] and }',
      ],
    ],
    [
      'network: 192.0.2.0/24\nnetwork: 192.0.2.0/24',
      ['2:1: network: the mapping has this key already'],
    ],
    ['a: 1\n---\nb: 2', ['2:1: expected one YAML document']],
    ['ra: !x {}', ['1:5: tags (!NAME) have no meaning here; put quotes around a text with !']],
    ['hosts:1\nra: false', ['1:1: a key needs a colon and a space after it']],
    ['ra:\n\tother: true', ['2:1: indent with spaces, not with tabs']],
    [
      'ra: a: b',
      [
        '1:5: this key is inside the value of another: start it below the other, or put quotes around the text',
      ],
    ],
    ['ra: "x', ['1:7: a quote, bracket, brace, comma, colon or space is missing']],
    ['ra: }', ['1:5: this does not fit here; put quotes around a text']],
    ['ra: @x', ['1:5: put quotes around a text that starts with this character']],
    ['[1]', ['1:1: expected a mapping, got a list']],
    ['hello', ["1:1: expected a mapping, got 'hello'"]],
    ['hosts: &h []\nra: *h', ['2:5: ra: expected a mapping or false, got an alias']],
    ['[1]: 2', ['1:1: expected text as a key']],
    // Keys
    [
      'hosts:\n  - nmae: web\n    ip: 198.18.0.2',
      ['2:5: hosts[0].nmae: unknown key (known: name, mac, ip, ip6, count, services, ports)'],
    ],
    ['gateway: { colour: red }', ['1:12: gateway.colour: unknown key (known: name, mac, ip, ip6)']],
    ['__proto__: 1', [expect.stringMatching(/^1:1: __proto__: unknown key \(known: .*network, /)]],
    [
      'hosts: [{ip: 198.18.0.2, ports: [{service: echo}]}]',
      ['1:34: hosts[0].ports[0]: port is missing'],
    ],
    // Values
    [
      "hosts:\n  - ip: '198.18.1'",
      ["2:9: hosts[0].ip: expected an IPv4 address or a list, got '198.18.1'"],
    ],
    [
      'hosts:\n  - ip: 198.18',
      ["2:9: hosts[0].ip: expected an IPv4 address or a list, got '198.18'"],
    ],
    [
      'hosts:\n  - ip6: [198.18.0.2]',
      ["2:11: hosts[0].ip6[0]: expected an IPv6 address, got '198.18.0.2'"],
    ],
    ['hosts:\n  - ip:', ['2:8: hosts[0].ip: expected an IPv4 address or a list, got nothing']],
    ['hosts: {}', ['1:8: hosts: expected a list, got a mapping']],
    [
      'hosts: [{ ip: 198.18.0.2, count: 0 }]',
      ["1:34: hosts[0].count: expected a whole number from 1 to 1000000, got '0'"],
    ],
    [
      'hosts: [{ ip: 198.18.0.2, count: 1.5 }]',
      ["1:34: hosts[0].count: expected a whole number from 1 to 1000000, got '1.5'"],
    ],
    [
      'hosts: [{ ip: 198.18.0.2, services: yes }]',
      ["1:37: hosts[0].services: expected true or false, got 'yes'"],
    ],
    ['%YAML 1.1\n---\nra: { other: yes }', ["3:14: ra.other: expected true or false, got 'yes'"]],
    ['dhcp: true', ["1:7: dhcp: expected a mapping or false, got 'true'"]],
    [
      'dhcp: { leaseTime: never }',
      [
        "1:20: dhcp.leaseTime: expected a number of seconds from 1 to 4294967294 or infinite, got 'never'",
      ],
    ],
    [
      'dhcp: { leaseTime: -1 }',
      [
        "1:20: dhcp.leaseTime: expected a number of seconds from 1 to 4294967294 or infinite, got '-1'",
      ],
    ],
    [
      'dhcp: { leaseTime: 0 }',
      [
        "1:20: dhcp.leaseTime: expected a number of seconds from 1 to 4294967294 or infinite, got '0'",
      ],
    ],
    ['ra: { mtu: 1279 }', ["1:12: ra.mtu: expected a whole number from 1280 to 65535, got '1279'"]],
    [
      'gateway: { mac: 2:0:0:0:0:1 }',
      ["1:17: gateway.mac: expected a unicast MAC address, got '2:0:0:0:0:1'"],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, mac: 03:00:00:00:00:01 }]',
      ["1:32: hosts[0].mac: expected a unicast MAC address, got '03:00:00:00:00:01'"],
    ],
    [
      'gateway: { name: "a\\nb\\u2028c" }',
      ["1:18: gateway.name: expected a host name, got 'a\\nb c'"],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, name: a..b }]',
      ["1:33: hosts[0].name: expected a host name, got 'a..b'"],
    ],
    [
      `hosts: [{ ip: 198.18.0.5, name: ${'a'.repeat(64)} }]`,
      [`1:33: hosts[0].name: expected a host name, got '${'a'.repeat(57)}...'`],
    ],
    [
      'ra: { rdnss: ["::1", "::1", "::1", "::1", "::1", "::1", "::1", "::1", "::1"] }',
      ['1:14: ra.rdnss: expected at most 8 entries, got 9'],
    ],
    [
      'dns: { records: { "a b": 198.18.0.2 } }',
      ["1:19: dns.records.a b: expected a DNS name, got 'a b'"],
    ],
    [
      'dns: { records: { a: b } }',
      ["1:22: dns.records.a: expected an IPv4 address or an IPv6 address or a list, got 'b'"],
    ],
    // Networks
    ...['198.18.0.1/24', '198.18.0.0/31', '198.0.0.0/7', '198.18.0.256/24'].map(
      (text): [string, string[]] => [
        `network: ${text}`,
        [`1:10: network: expected an IPv4 network of /8 to /30 (host bits zero), got '${text}'`],
      ],
    ),
    ...['2001:db8::1/64', '2001:db8::/121', '198.18.0.0/24'].map((text): [string, string[]] => [
      `network6: ${text}`,
      [
        `1:11: network6: expected an IPv6 network of /3 to /120 (host bits zero) or false, got '${text}'`,
      ],
    ]),
    // Addresses outside their network
    [
      'hosts: [{ ip: 198.18.1.7 }]',
      [
        '1:15: hosts[0].ip: 198.18.1.7 is not within 198.18.0.1-198.18.0.254, the host addresses of 198.18.0.0/24',
      ],
    ],
    [
      'hosts: [{ ip: 198.18.0.255 }]',
      [
        '1:15: hosts[0].ip: 198.18.0.255 is not within 198.18.0.1-198.18.0.254, the host addresses of 198.18.0.0/24',
      ],
    ],
    [
      'network6: false\nhosts: [{ ip6: "2001:db8::1" }]',
      ['2:16: hosts[0].ip6: 2001:db8::1 is an IPv6 address, but network6 is false'],
    ],
    [
      'gateway: { ip: 198.19.0.1 }',
      [
        '1:16: gateway.ip: 198.19.0.1 is not within 198.18.0.1-198.18.0.254, the host addresses of 198.18.0.0/24',
      ],
    ],
    [
      'dhcp: { pool: 198.18.0.200-198.18.1.3 }',
      [
        '1:15: dhcp.pool: 198.18.0.200-198.18.1.3 is not within 198.18.0.1-198.18.0.254, the host addresses of 198.18.0.0/24',
      ],
    ],
    [
      'dhcp: { pool: 198.18.0.20-198.18.0.3 }',
      [
        "1:15: dhcp.pool: expected FIRST-LAST, the lower address first, got '198.18.0.20-198.18.0.3'",
      ],
    ],
    ['network6: false\nra: { mtu: 1400 }', ['2:5: ra: there is no IPv6: network6 is false']],
    // Addresses and names that occur twice
    [
      'hosts:\n  - ip: 198.18.0.2\n  - ip: 198.18.0.2',
      ['3:9: hosts[1].ip: 198.18.0.2 is also hosts[0].ip (lan.yaml:2:9)'],
    ],
    [
      'hosts: [{ ip: 198.18.0.1 }]',
      ['1:15: hosts[0].ip: 198.18.0.1 is also gateway.ip (the default)'],
    ],
    [
      'gateway: { ip: 198.18.0.9 }\nhosts: [{ ip: 198.18.0.9 }]',
      ['2:15: hosts[0].ip: 198.18.0.9 is also gateway.ip (lan.yaml:1:16)'],
    ],
    [
      'hosts: [{ ip: 198.18.0.110 }, { ip: 198.18.0.120 }]',
      [
        '1:15: hosts[0].ip: 198.18.0.110 overlaps 198.18.0.100-198.18.0.199 of dhcp.pool (the default)',
        '1:37: hosts[1].ip: 198.18.0.120 overlaps 198.18.0.100-198.18.0.199 of dhcp.pool (the default)',
      ],
    ],
    [
      'hosts: [{ ip: 198.18.0.2, count: 30 }]\ndhcp: { pool: [198.18.0.31, 198.18.0.32] }',
      [
        '2:16: dhcp.pool[0]: 198.18.0.31 overlaps 198.18.0.2-198.18.0.31 of hosts[0].ip (lan.yaml:1:15)',
      ],
    ],
    [
      'dhcp: { pool: [198.18.0.31, 198.18.0.32] }\nhosts: [{ ip: 198.18.0.2, count: 30 }]',
      [
        '2:15: hosts[0].ip: 198.18.0.2-198.18.0.31 overlaps 198.18.0.31 of dhcp.pool[0] (lan.yaml:1:16)',
      ],
    ],
    [
      'dhcp: { pool: [198.18.0.30-198.18.0.40, 198.18.0.40-198.18.0.50] }',
      [
        '1:41: dhcp.pool[1]: 198.18.0.40-198.18.0.50 overlaps 198.18.0.30-198.18.0.40 of dhcp.pool[0] (lan.yaml:1:16)',
      ],
    ],
    [
      'hosts: [{ ip6: "2001:db8:0:1::ff", count: 2 }, { ip6: "2001:DB8:0:1:0::100" }]',
      [
        '1:55: hosts[1].ip6: 2001:db8:0:1::100 overlaps 2001:db8:0:1::ff-2001:db8:0:1::100 of hosts[0].ip6 (lan.yaml:1:16)',
      ],
    ],
    [
      'hosts: [{ ip: 198.18.0.5 }]\ndhcp: { reservations: [{ mac: 02:00:00:00:00:01, address: 198.18.0.5 }] }',
      ['2:59: dhcp.reservations[0].address: 198.18.0.5 is also hosts[0].ip (lan.yaml:1:15)'],
    ],
    [
      'dhcp: { reservations: [{ mac: 02:00:00:00:00:01, address: 192.0.2.1 }] }',
      [
        '1:59: dhcp.reservations[0].address: 192.0.2.1 is not within 198.18.0.1-198.18.0.254, the host addresses of 198.18.0.0/24',
      ],
    ],
    [
      'dhcp: { reservations: [{ mac: 02:00:00:00:00:01, address: 198.18.0.1 }] }',
      ['1:59: dhcp.reservations[0].address: 198.18.0.1 is also gateway.ip (the default)'],
    ],
    [
      'dhcp: { reservations: [{ clientId: "0102", address: 198.18.0.9 }] }',
      [
        "1:36: dhcp.reservations[0].clientId: expected a client identifier such as 01:02:00:00, got '0102'",
      ],
    ],
    [
      'dhcp: { reservations: [{ mac: 02:00:00:00:00:01, address: 198.18.0.9, hostname: a b }] }',
      ["1:81: dhcp.reservations[0].hostname: expected a host name, got 'a b'"],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, mac: 02:00:00:00:00:0A }, { ip: 198.18.0.6, mac: 02:00:00:00:00:0a }]',
      [
        '1:76: hosts[1].mac: the MAC address 02:00:00:00:00:0a is also hosts[0].mac (lan.yaml:1:32)',
      ],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, name: web }, { ip: 198.18.0.6, name: WEB.lan }]',
      ['1:64: hosts[1].name: the name WEB.lan is also hosts[0].name (lan.yaml:1:33)'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, name: Gateway }]',
      ['1:33: hosts[0].name: the name Gateway is also gateway.name (the default)'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, name: n%d, count: 3 }, { ip: 198.18.0.9, name: n3 }, { ip: 198.18.0.10, name: n4 }]',
      ['1:74: hosts[1].name: the name n3 is also hosts[0].name (lan.yaml:1:33)'],
    ],
    // Hosts
    ['hosts: [{ name: web }]', ['1:9: hosts[0]: a host needs an address: ip or ip6']],
    [
      'hosts: [{ ip: 198.18.0.5, name: n%d }]',
      ['1:33: hosts[0].name: %d stands for the number of a host, which needs count'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, count: 2, name: n }]',
      ['1:43: hosts[0].name: with count, a name contains %d once'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, count: 2, mac: 02:00:00:00:00:01 }]',
      ['1:42: hosts[0].mac: with count, MAC addresses are made from the IP addresses: remove it'],
    ],
    [
      'hosts: [{ ip: [198.18.0.5, 198.18.0.9], count: 2 }]',
      ['1:15: hosts[0].ip: with count, give the first address only'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, ports: [{ port: 7, service: echo }, { port: 7, service: http }] }]',
      ['1:71: hosts[0].ports[1].port: tcp 7 already has a service'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, ports: [{ port: 80, protocol: udp, service: http }] }]',
      ['1:71: hosts[0].ports[0].service: http needs protocol tcp'],
    ],
    // Router advertisements
    [
      'ra: { validLifetime: 10, preferredLifetime: 20 }',
      ['1:45: ra.preferredLifetime: it is longer than validLifetime'],
    ],
    [
      'ra: { lifetime: 599 }',
      ['1:17: ra.lifetime: expected 0 or at least maxInterval, 600; got 599'],
    ],
    // Checks of the DHCP server.
    ['dhcp:\n  options:\n    mtu: 3', [expect.stringMatching(/^3:10: dhcp\.options\.mtu: \S/)]],
    [
      'dhcp: {options: {router: [198.18.0.1, x]}}',
      [expect.stringMatching(/^1:26: dhcp\.options\.router: \S/)],
    ],
    [
      'dhcp: { reservations: [{ mac: 02:00:00:00:00:01, address: 198.18.0.9, options: { mtu: 3 } }] }',
      [expect.stringMatching(/^1:87: dhcp\.reservations\[0\]\.options\.mtu: \S/)],
    ],
    [
      'dhcp: { renewalTime: 9, rebindingTime: 8 }',
      [expect.stringMatching(/^1:22: dhcp\.renewalTime: \S/)],
    ],
    [
      'dhcp: { leaseTime: 600, maxLeaseTime: 60 }',
      [expect.stringMatching(/^1:20: dhcp\.leaseTime: \S/)],
    ],
    // A default has the position of its enclosing part.
    [
      'network6: false\ndhcp: { maxLeaseTime: 60 }',
      [expect.stringMatching(/^2:7: dhcp\.leaseTime: \S/)],
    ],
    [
      'dhcp: { leaseTime: 600, minLeaseTime: 601 }',
      [expect.stringMatching(/^1:20: dhcp\.leaseTime: \S/)],
    ],
    [
      'dhcp: { reservations: [{ address: 198.18.0.5 }] }',
      [expect.stringMatching(/^1:24: dhcp\.reservations\[0\]: \S/)],
    ],
  ])('%s is rejected', (text, lines) => {
    expect(rejected(text)).toEqual(lines)
  })

  test('a file with lists in each other is rejected', () => {
    const lines = rejected(`hosts: [{ ip: ${'['.repeat(60)}${']'.repeat(60)} }]`)
    const line = '1:16: hosts[0].ip[0]: expected an IPv4 address, got a list'
    expect(lines).toEqual([line])
  })

  test('the first ten problems are reported in the order of the file, the others counted', () => {
    const host = '  - { ip: 198.18.7.7, nam: x }\n'
    const lines = rejected(`dhcp: { pool: x }\nhosts:\n${host.repeat(10)}  - { name: a, ip: x }\n`)
    expect(lines.slice(0, 2)).toEqual([
      "1:15: dhcp.pool: expected an address or FIRST-LAST or a list, got 'x'",
      expect.stringMatching(/^3:23: hosts\[0\]\.nam: unknown key/),
    ])
    expect(lines.slice(9)).toEqual([
      expect.stringMatching(/^11:23: hosts\[8\]\.nam: /),
      'and 2 more',
    ])
  })

  test('addresses are not compared with a network that is invalid', () => {
    expect(rejected('network: 10\nhosts: [{ ip: 192.0.2.1 }]')).toEqual([
      expect.stringMatching(/^1:10: network: expected an IPv4 network/),
    ])
  })
})

test('a file that cannot be read is refused with its path, and so is one of more than 1 MiB', () => {
  const directory = testDirectory()
  const path = join(directory, 'lan.yaml')
  expect(() => loadLanConfig(path)).toThrow(`${path}: no such file or directory`)
  expect(() => loadLanConfig(directory)).toThrow(/is a directory/)
  expect(() => loadLanConfig('/dev/zero')).toThrow('/dev/zero: it is a device: name a regular file')
  writeFileSync(path, ' '.repeat(1024 ** 2 + 1))
  expect(() => loadLanConfig(path)).toThrow(`${path}: longer than 1 MiB`)
  writeFileSync(path, 'network: 198.18.8.0/24\n')
  expect(loadLanConfig(path).gateway.ip).toBe('198.18.8.1')
  writeFileSync(path, 'netwrk: 1\n')
  expect(() => loadLanConfig(path)).toThrow(
    `${path}:1:1: netwrk: unknown key (known: $schema, network, network6,`,
  )
})

test('packages/lan/docs/lan.schema.json is the schema that validates files', () => {
  expect(
    JSON.parse(readFileSync(new URL('../../docs/lan.schema.json', import.meta.url), 'utf8')),
  ).toEqual(JSON.parse(JSON.stringify(lanSchema)))
})

test('the type LanFile admits what the schema admits', () => {
  const valid: LanFile = {
    hosts: [{ ip: '198.18.0.2', ports: [{ port: 80, service: 'http' }] }],
    dns: false,
  }
  // @ts-expect-error a port is a number
  const port: LanFile = { hosts: [{ ports: [{ port: '80', service: 'http' }] }] }
  // @ts-expect-error unknown service
  const service: LanFile = { hosts: [{ ports: [{ port: 80, service: 'gopher' }] }] }
  // @ts-expect-error a port needs a service
  const missing: LanFile = { hosts: [{ ports: [{ port: 80 }] }] }
  // @ts-expect-error true is the default and cannot be written
  const on: LanFile = { dns: true }
  expect(
    [valid, port, service, missing, on].map(file => rejected(JSON.stringify(file)).length),
  ).toEqual([0, 1, 1, 1, 1])
})
