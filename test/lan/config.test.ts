/** The configuration file: what is taken, what is refused and where, and that nothing in a file breaks it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../src/core/driver.ts'
import { VnetError } from '../../src/core/errno.ts'
import { random } from '../../src/core/random.ts'
import { formatAddress } from '../../src/kernel/cidr.ts'
import { loadLanConfig, parseLanConfig } from '../../src/lan/config.ts'
import { nearest } from '../../src/lan/nearest.ts'
import { type LanFile, lanSchema } from '../../src/lan/schema.ts'
import { optionNames } from '../../src/segment/dhcp/option-names.ts'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/lan-config.md', root), 'utf8')
const example = /```yaml\n(.*?)```/s.exec(page)![1]

const parse = (text: string) => parseLanConfig(text, 'lan.yaml')

/** The lines that refuse a file, without its name. */
function refused(text: string): string[] {
  try {
    parse(text)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return error.message.split('\n').map(line => line.replace(/^lan\.yaml:( (?=and))?/, ''))
  }
  return []
}

test('the page names every option that has a name', () => {
  expect(optionNames.filter(name => !page.includes(`\`${name}\``))).toEqual([])
})

describe('a file that is right', () => {
  test.each(['', '# nothing\n', '{}', 'null', '---\n'])('%j is all defaults', text => {
    const { network, network6, gateway, hosts, dhcp, dns, ra, dhcpv6 } = parse(text)
    expect({ network, network6, gateway, hosts }).toEqual({
      network: '198.18.0.0/24',
      network6: '2001:db8:0:1::/64',
      gateway: { name: 'gateway', mac: undefined, ip: '198.18.0.1', ip6: '2001:db8:0:1::1' },
      hosts: [],
    })
    expect(dhcp).toEqual({
      server: '198.18.0.1',
      subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.100-198.18.0.199'] }],
      leaseTime: 3600,
      authoritative: true,
      options: { 'domain-name': 'lan' },
    })
    expect(dns).toEqual({ domain: 'lan', names: [] })
    expect(ra?.maxInterval).toBe(600)
    expect(ra?.advert).toMatchObject({ lifetime: 1800, managed: false, other: true, hopLimit: 64, mtu: undefined })
    expect(ra?.advert.prefixes).toMatchObject([
      { prefixLen: 64, onLink: true, autonomous: true, validLifetime: 86400, preferredLifetime: 14400 },
    ])
    expect(ra?.advert.prefixes.map(({ prefix }) => formatAddress(prefix))).toEqual(['2001:db8:0:1::'])
    expect(dhcpv6?.servers.map(formatAddress)).toEqual(['2001:db8:0:1::1'])
    expect(dhcpv6?.domains).toEqual(['lan'])
  })

  test('is the one of the docs', () => {
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
        ip: ['198.18.0.2'],
        ip6: ['2001:db8:0:1::2'],
        count: undefined,
        services: true,
        ports: [{ port: 80, protocol: 'tcp', service: 'http', body: 'hello\n' }],
      },
      { name: 'node%d', mac: undefined, ip: ['198.18.8.1'], ip6: [], count: 1000, services: false, ports: [] },
    ])
    expect(dhcp).toMatchObject({
      leaseTime: 600,
      options: { 'domain-name': 'example.lan', 'ntp-server': '198.18.0.1', mtu: 1400 },
      reservations: [{ mac: '02:00:00:00:00:99', address: '198.18.0.50', hostname: 'printer' }],
    })
    const named = dns?.names.map(({ name, addresses }) => `${name} ${addresses.map(formatAddress).join(' ')}`)
    expect(named?.length).toBe(1003)
    expect([named?.[0], named?.[1], named?.[1000], named?.[1001], named?.[1002]]).toEqual([
      'web 198.18.0.2 2001:db8:0:1::2',
      'node1 198.18.8.1',
      'node1000 198.18.11.232',
      'api 198.18.0.2 2001:db8:0:1::2',
      'www.example.com. 198.18.0.2',
    ])
  })

  test('is JSON too, with tabs or not', () => {
    const json: LanFile = {
      hosts: [{ ip: ['198.18.0.7', '198.18.0.8'] }],
      dhcp: false,
      dns: false,
      ra: false,
      network6: false,
    }
    for (const indent of [undefined, 2, '\t']) {
      const { hosts, dhcp, dns, ra, dhcpv6, network6 } = parse(JSON.stringify(json, undefined, indent))
      expect(hosts.map(({ ip }) => ip)).toEqual([['198.18.0.7', '198.18.0.8']])
      expect([dhcp, dns, ra, dhcpv6, network6]).toEqual([undefined, undefined, undefined, undefined, undefined])
    }
  })

  test('leaves clients of other DHCP servers alone where there may be some, unless it says otherwise', () => {
    const authoritative = (text: string) =>
      parseLanConfig(text, 'lan.yaml', { authoritative: false }).dhcp?.authoritative
    expect([authoritative(''), authoritative('dhcp: { leaseTime: 60 }')]).toEqual([false, false])
    expect(authoritative('dhcp: { authoritative: true }')).toBe(true)
    expect(authoritative('dhcp: false')).toBeUndefined()
    expect(parse('dhcp: { authoritative: false }').dhcp?.authoritative).toBe(false)
  })

  test('on a network that is there already DHCP, advertisements and services take a word each', () => {
    const serving = (text: string) => {
      const { dhcp, ra, dhcpv6, dns, hosts, services } = parseLanConfig(text, 'lan.yaml', { serves: false })
      return [dhcp, ra, dhcpv6, dns]
        .map(part => part !== undefined)
        .concat(services, ...hosts.map(host => host.services))
    }
    expect(serving('')).toEqual([false, false, false, true, false])
    expect(serving('dhcp: {}')).toEqual([true, false, false, true, false])
    expect(serving('ra: {}')).toEqual([false, true, true, true, false])
    const hosts = 'hosts: [{ ip: 198.18.0.2, services: true }, { ip: 198.18.0.3 }]'
    expect(serving(hosts)).toEqual([false, false, false, true, false, true, false])
  })

  test('as many resolvers and domains to search are told as an advertisement may have', () => {
    const rdnss = Array.from({ length: 8 }, (_, i) => `::${i + 1}`)
    const dnssl = ['a.lan', 'b.lan', 'c.lan', 'd.lan', 'e.lan', 'f.lan']
    const { ra } = parse(JSON.stringify({ ra: { rdnss, dnssl } }))
    expect([ra?.advert.rdnss?.servers.length, ra?.advert.dnssl?.domains]).toEqual([8, dnssl])
  })

  test("without DNS the gateway is nobody's resolver", () => {
    const { dhcp, ra } = parse('dns: false')
    expect(dhcp?.options).toEqual({ 'dns-server': null })
    expect([ra?.advert.rdnss?.servers, ra?.advert.dnssl?.domains]).toEqual([[], []])
  })

  test.each([
    ['198.18.4.0/22', '198.18.4.100-198.18.4.199'],
    ['198.18.0.64/26', '198.18.0.96-198.18.0.126'],
    ['198.18.0.4/30', '198.18.0.6'],
  ])('%s has the pool %s', (network, pool) => {
    expect(parse(`network: ${network}`).dhcp?.subnets[0].ranges).toEqual([pool])
  })

  test('a prefix that is not of 64 bits is not for addresses; lifetimes may be infinite', () => {
    const { ra } = parse('network6: 2001:db8::/48\nra: { validLifetime: infinite, preferredLifetime: infinite }')
    expect(ra?.advert.prefixes[0]).toMatchObject({
      prefixLen: 48,
      autonomous: false,
      validLifetime: Number.POSITIVE_INFINITY,
      preferredLifetime: Number.POSITIVE_INFINITY,
    })
  })
})

describe('a file that is not right is refused', () => {
  const gateway = 'gateway.ip (the default)'
  test.each<[string, string[]]>([
    // Its form
    ['hosts: [', ['1:9: Flow sequence in block collection must be sufficiently indented and end with a ]']],
    ['network: 1\nnetwork: 2', ['2:1: Map keys must be unique']],
    ['a: 1\n---\nb: 2', ['2:1: Source contains multiple documents; please use YAML.parseAllDocuments()']],
    ['ra: !x {}', ['1:5: Unresolved tag: !x']],
    ['[1]', ['1:1: a list stands where a mapping is needed']],
    ['hello', ["1:1: 'hello' is not a mapping"]],
    ['hosts: &h []\nra: *h', ['2:5: ra: anchors and aliases are not understood: write the value out']],
    ['[1]: 2', ['1:1: a key is a word']],
    // Its keys
    ['hosts:\n  - nmae: web\n    ip: 198.18.0.2', ['2:5: hosts[0].nmae: there is no such key: is it name?']],
    ['dhpc: {}', ['1:1: dhpc: there is no such key: is it dhcp?']],
    ['gateway: { colour: red }', ['1:12: gateway.colour: there is no such key, but name, mac, ip, ip6']],
    ['__proto__: 1', [expect.stringMatching(/^1:1: __proto__: there is no such key, but /)]],
    ['hosts: [{ip: 198.18.0.2, ports: [{service: echo}]}]', ['1:34: hosts[0].ports[0]: port is missing']],
    // Its values
    ["hosts:\n  - ip: '198.18.1'", ["2:9: hosts[0].ip: '198.18.1' is not an IPv4 address"]],
    ['hosts:\n  - ip: 198.18', ["2:9: hosts[0].ip: '198.18' is not an IPv4 address or a list"]],
    ['hosts:\n  - ip6: [198.18.0.2]', ["2:11: hosts[0].ip6[0]: '198.18.0.2' is not an IPv6 address"]],
    ['hosts:\n  - ip:', ['2:8: hosts[0].ip: it is empty, where an IPv4 address or a list is needed']],
    ['hosts: {}', ['1:8: hosts: a mapping stands where a list is needed']],
    ['hosts: [{ ip: 198.18.0.2, count: 0 }]', ["1:34: hosts[0].count: '0' is not a whole number of 1 to 1000000"]],
    ['hosts: [{ ip: 198.18.0.2, count: 1.5 }]', ["1:34: hosts[0].count: '1.5' is not a whole number of 1 to 1000000"]],
    ['hosts: [{ ip: 198.18.0.2, services: yes }]', ["1:37: hosts[0].services: 'yes' is not true or false"]],
    // What only the DHCP server knows
    ['dhcp:\n  options:\n    mtu: 3', [expect.stringMatching(/^3:10: dhcp\.options\.mtu: the option .*/)]],
    [
      'dhcp: {options: {router: [198.18.0.1, x]}}',
      [expect.stringMatching(/^1:26: dhcp\.options\.router: the option /)],
    ],
    [
      'dhcp: { reservations: [{ mac: 02:00:00:00:00:01, address: 198.18.0.9, options: { mtu: 3 } }] }',
      [expect.stringMatching(/^1:87: dhcp\.reservations\[0\]\.options\.mtu: the option /)],
    ],
    [
      'dhcp: { renewalTime: 9, rebindingTime: 8 }',
      [expect.stringMatching(/^1:22: dhcp\.renewalTime: a client renews/)],
    ],
    ['dhcp: true', ["1:7: dhcp: 'true' is not false"]],
    ['dhcp: { leaseTime: never }', ["1:20: dhcp.leaseTime: 'never' is not infinite"]],
    ['dhcp: { leaseTime: -1 }', ["1:20: dhcp.leaseTime: '-1' is not a number of seconds of 0 to 4294967294"]],
    ['ra: { mtu: 1279 }', ["1:12: ra.mtu: '1279' is not a whole number of 1280 to 65535"]],
    ['gateway: { mac: 2:0:0:0:0:1 }', ["1:17: gateway.mac: '2:0:0:0:0:1' is not a MAC address"]],
    [
      'gateway: { name: "a\\nb\\u2028c" }',
      ["1:18: gateway.name: 'a\\nb\u2028c' is not a name of a host".replace('\u2028', ' ')],
    ],
    [
      'ra: { rdnss: ["::1", "::1", "::1", "::1", "::1", "::1", "::1", "::1", "::1"] }',
      ['1:14: ra.rdnss: 9 entries, where at most 8 are taken'],
    ],
    // Networks
    ['network: 198.18.0.1/24', ["1:10: network: '198.18.0.1/24' is an address in it: write 198.18.0.0/24"]],
    ['network: 198.18.0.0/31', ["1:10: network: '198.18.0.0/31' is not of /8 to /30"]],
    ['network: 198.18.0.256/24', ["1:10: network: '198.18.0.256/24' is not a network"]],
    ['network6: 2001:db8::1/64', ["1:11: network6: '2001:db8::1/64' is an address in it: write 2001:db8::/64"]],
    // What is where it cannot be
    [
      'hosts: [{ ip: 198.18.1.7 }]',
      ['1:15: hosts[0].ip: 198.18.1.7 is outside of the network, 198.18.0.0-198.18.0.255'],
    ],
    [
      'hosts: [{ ip: 198.18.0.255 }]',
      ['1:15: hosts[0].ip: 198.18.0.255 is more than hosts may have of 198.18.0.0-198.18.0.255'],
    ],
    [
      'network6: false\nhosts: [{ ip6: "2001:db8::1" }]',
      ['2:16: hosts[0].ip6: there is no IPv6 network for 2001:db8::1'],
    ],
    [
      'gateway: { ip: 198.19.0.1 }',
      ['1:16: gateway.ip: 198.19.0.1 is outside of the network, 198.18.0.0-198.18.0.255'],
    ],
    [
      'dhcp: { pool: 198.18.0.200-198.18.1.3 }',
      ['1:15: dhcp.pool: 198.18.0.200-198.18.1.3 is outside of the network, 198.18.0.0-198.18.0.255'],
    ],
    [
      'dhcp: { pool: 198.18.0.20-198.18.0.3 }',
      ["1:15: dhcp.pool: '198.18.0.20-198.18.0.3' is not an address or FIRST-LAST, the lower one first"],
    ],
    ['network6: false\nra: { mtu: 1400 }', ['2:5: ra: there is no IPv6 (network6 is false)']],
    // What is somebody else's
    [
      'hosts:\n  - ip: 198.18.0.2\n  - ip: 198.18.0.2',
      ['3:9: hosts[1].ip: 198.18.0.2 is also hosts[0].ip (lan.yaml:2:9)'],
    ],
    ['hosts: [{ ip: 198.18.0.1 }]', [`1:15: hosts[0].ip: 198.18.0.1 is also ${gateway}`]],
    [
      'gateway: { ip: 198.18.0.9 }\nhosts: [{ ip: 198.18.0.9 }]',
      ['2:15: hosts[0].ip: 198.18.0.9 is also gateway.ip (lan.yaml:1:16)'],
    ],
    [
      'hosts: [{ ip: 198.18.0.150 }]',
      ['1:15: hosts[0].ip: 198.18.0.150 overlaps dhcp.pool, 198.18.0.100-198.18.0.199 (the default)'],
    ],
    [
      'hosts: [{ ip: 198.18.0.110 }, { ip: 198.18.0.120 }]',
      [
        '1:15: hosts[0].ip: 198.18.0.110 overlaps dhcp.pool, 198.18.0.100-198.18.0.199 (the default)',
        '1:37: hosts[1].ip: 198.18.0.120 overlaps dhcp.pool, 198.18.0.100-198.18.0.199 (the default)',
      ],
    ],
    [
      'hosts: [{ ip: 198.18.0.2, count: 30 }]\ndhcp: { pool: [198.18.0.31, 198.18.0.32] }',
      ['2:16: dhcp.pool[0]: 198.18.0.31 overlaps hosts[0].ip, 198.18.0.2-198.18.0.31 (lan.yaml:1:15)'],
    ],
    [
      'dhcp: { pool: [198.18.0.30-198.18.0.40, 198.18.0.40-198.18.0.50] }',
      ['1:41: dhcp.pool[1]: 198.18.0.40-198.18.0.50 overlaps dhcp.pool[0], 198.18.0.30-198.18.0.40 (lan.yaml:1:16)'],
    ],
    [
      'hosts: [{ ip6: "2001:db8:0:1::ff", count: 2 }, { ip6: "2001:DB8:0:1:0::100" }]',
      [
        '1:55: hosts[1].ip6: 2001:db8:0:1::100 overlaps hosts[0].ip6, 2001:db8:0:1::ff-2001:db8:0:1::100 (lan.yaml:1:16)',
      ],
    ],
    [
      'hosts: [{ ip: 198.18.0.5 }]\ndhcp: { reservations: [{ mac: 02:00:00:00:00:01, address: 198.18.0.5 }] }',
      ['2:59: dhcp.reservations[0].address: 198.18.0.5 is also hosts[0].ip (lan.yaml:1:15)'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, mac: 02:00:00:00:00:0A }, { ip: 198.18.0.6, mac: 02:00:00:00:00:0a }]',
      ["1:76: hosts[1].mac: '02:00:00:00:00:0a': this MAC address is that of hosts[0].mac (lan.yaml:1:32)"],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, name: web }, { ip: 198.18.0.6, name: WEB.lan }]',
      ["1:64: hosts[1].name: 'WEB.lan': this name is that of hosts[0].name (lan.yaml:1:33)"],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, name: Gateway }]',
      ["1:33: hosts[0].name: 'Gateway': this name is that of gateway.name (the default)"],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, name: n%d, count: 3 }, { ip: 198.18.0.9, name: n3 }, { ip: 198.18.0.10, name: n4 }]',
      ["1:74: hosts[1].name: 'n3': this name is that of hosts[0].name (lan.yaml:1:33)"],
    ],
    // Hosts, and the rest
    ['hosts: [{ name: web }]', ['1:9: hosts[0]: a host needs an address: ip or ip6']],
    [
      'hosts: [{ ip: 198.18.0.5, mac: 03:00:00:00:00:01 }]',
      ["1:32: hosts[0].mac: '03:00:00:00:00:01' is the address of a group: no host has it"],
    ],
    ['hosts: [{ ip: 198.18.0.5, name: n%d }]', ['1:33: hosts[0].name: %d stands for a number of many: it needs count']],
    [
      'hosts: [{ ip: 198.18.0.5, count: 2, name: n }]',
      ['1:43: hosts[0].name: a name for many has one %d in it, for the number'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, count: 2, mac: 02:00:00:00:00:01 }]',
      ['1:42: hosts[0].mac: hosts with count make theirs of their addresses: leave it out'],
    ],
    [
      'hosts: [{ ip: [198.18.0.5, 198.18.0.9], count: 2 }]',
      ['1:15: hosts[0].ip: with count it is one address, the first'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, name: a..b }]',
      ['1:33: hosts[0].name: it is not a name: labels of 1 to 63 letters with dots between'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, ports: [{ port: 7, service: echo }, { port: 7, service: http }] }]',
      ['1:71: hosts[0].ports[1].port: tcp 7 is there already'],
    ],
    [
      'hosts: [{ ip: 198.18.0.5, ports: [{ port: 80, protocol: udp, service: http }] }]',
      ['1:71: hosts[0].ports[0].service: http is over tcp'],
    ],
    ['dhcp: { leaseTime: 600, maxLeaseTime: 60 }', ['1:39: dhcp.maxLeaseTime: it is less than leaseTime, 600']],
    ['dhcp: { leaseTime: 600, minLeaseTime: 601 }', ['1:39: dhcp.minLeaseTime: it is more than leaseTime, 600']],
    [
      'dhcp: { reservations: [{ address: 198.18.0.5 }] }',
      ['1:24: dhcp.reservations[0]: it is for a mac or a clientId: give one of the two'],
    ],
    [
      'ra: { validLifetime: 10, preferredLifetime: 20 }',
      ['1:45: ra.preferredLifetime: it is more than validLifetime, 10'],
    ],
    ['ra: { lifetime: 599 }', ['1:17: ra.lifetime: it is less than maxInterval, 600: 0, or that at least']],
    ['dns: { records: { "a b": 198.18.0.2 } }', ['1:26: dns.records["a b"]: this is not a name']],
    ['dns: { records: { a: b } }', ["1:22: dns.records.a: 'b' is not an IPv4 address or an IPv6 address"]],
  ])('%s', (text, lines) => {
    expect(refused(text)).toEqual(lines)
  })

  test.each([60, 100_000])('when it is %i lists deep', depth => {
    const lines = refused(`hosts: [{ ip: ${'['.repeat(depth)}${']'.repeat(depth)} }]`)
    expect(lines).toEqual([
      expect.stringMatching(
        depth === 100_000 ? /^1:\d+: it is nested too deep$/ : /^1:16: hosts.0..ip.0.: a list stands where/,
      ),
    ])
  })

  test('with all its problems, in their order, but no more than ten, and none that follows from another', () => {
    const text = `network: 198.18.0.0/24\ndhcp: { pool: 198.18.9.1 }\nhosts:\n${'  - { ip: 198.18.7.7, nam: x }\n'.repeat(8)}  - { name: a, ip: x }\n`
    const lines = refused(text)
    expect(lines.slice(0, 3)).toEqual([
      '2:15: dhcp.pool: 198.18.9.1 is outside of the network, 198.18.0.0-198.18.0.255',
      '4:11: hosts[0].ip: 198.18.7.7 is outside of the network, 198.18.0.0-198.18.0.255',
      '4:23: hosts[0].nam: there is no such key: is it name?',
    ])
    expect(lines.length).toBe(11)
    expect(lines[10]).toBe('and 8 more')
    expect(refused('network: 10\nhosts: [{ ip: 192.0.2.1 }]')).toEqual(["1:10: network: '10' is not an IPv4 network"])
  })
})

test('a file that cannot be read is a VnetError that names it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-lan-'))
  try {
    const path = join(directory, 'lan.yaml')
    expect(() => loadLanConfig(path)).toThrow(new VnetError(2, `open ${path}`))
    expect(() => loadLanConfig(directory)).toThrow(/EISDIR/)
    writeFileSync(path, 'network: 198.18.8.0/24\n')
    expect(loadLanConfig(path).gateway.ip).toBe('198.18.8.1')
    writeFileSync(path, 'netwrk: 1\n')
    expect(() => loadLanConfig(path)).toThrow(`${path}:1:1: netwrk: there is no such key: is it network?`)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('the published schema is the one that files are held to', () => {
  expect(JSON.parse(readFileSync(new URL('docs/lan.schema.json', root), 'utf8'))).toEqual(lanSchema)
})

test('the type of a file is what the schema says', () => {
  const right: LanFile = { hosts: [{ ip: '198.18.0.2', ports: [{ port: 80, service: 'http' }] }], dns: false }
  // @ts-expect-error a port is a number
  const port: LanFile = { hosts: [{ ports: [{ port: '80', service: 'http' }] }] }
  // @ts-expect-error there is no such service
  const service: LanFile = { hosts: [{ ports: [{ port: 80, service: 'gopher' }] }] }
  // @ts-expect-error a port needs a service
  const missing: LanFile = { hosts: [{ ports: [{ port: 80 }] }] }
  // @ts-expect-error true is the default, and not for writing
  const on: LanFile = { dns: true }
  expect([right, port, service, missing, on].map(file => refused(JSON.stringify(file)).length)).toEqual([0, 1, 1, 1, 1])
})

test.each([
  ['hsots', 'hosts'],
  ['HOSTS', 'hosts'],
  ['mca', 'mac'],
  ['leasetime', 'leaseTime'],
  ['zzz', undefined],
])('nearest to %s is %s', (word, expected) => {
  expect(nearest(word, ['network', 'hosts', 'mac', 'leaseTime'])).toBe(expected)
})

test('ten thousand hosts are taken, each with its own addresses', () => {
  const hosts = Array.from({ length: 10_000 }, (_, i) => {
    const [high, low] = [8 + (i >> 8), i & 0xff]
    return `  - { name: h${i}, mac: "02:00:00:01:${hex(i >> 8)}:${hex(low)}", ip: 198.18.${high}.${low} }\n`
  })
  expect(parse(`network: 198.18.0.0/16\nhosts:\n${hosts.join('')}`).dns?.names.length).toBe(10_000)
}, 60_000)

const hex = (octet: number) => octet.toString(16).padStart(2, '0')

test('however a file is broken, it is taken, or refused with places', () => {
  const { below } = random(12)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]
  const bits = [
    '{',
    '}',
    '[',
    ']',
    ': ',
    '- ',
    '\n',
    '\n  ',
    '&a ',
    '*a',
    '!!binary ',
    '!x ',
    '<<: ',
    '|',
    '>',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\0',
    '\u2028',
    '\t',
    '"',
    "'",
    '#',
    '? ',
    '~',
    '1e999',
    '0x7fffffffffffffff',
    '-1',
    '198.18.0.300',
    '::',
    '__proto__: ',
    'constructor: ',
    '\ud800',
    '\ufeff',
    'false',
    'count: 99999',
  ]
  const seed = example.replace('count: 1000', 'count: 10')
  const lines = seed.split('\n')
  const mutate = (text: string): string => {
    const at = below(text.length + 1)
    switch (below(5)) {
      case 0:
        return text.slice(0, at) + pick(bits) + text.slice(at)
      case 1:
        return text.slice(0, at) + text.slice(at + 1 + below(12))
      case 2:
        return text.slice(0, at) + String.fromCharCode(below(128)) + text.slice(at + 1)
      case 3:
        return text.slice(0, at)
      default: {
        const [from, to] = [below(lines.length), below(lines.length)]
        return text.replace(lines[from], lines[to])
      }
    }
  }
  let taken = 0
  for (let i = 0; i < 3000; i++) {
    let text = seed
    for (let j = below(4); j >= 0; j--) text = mutate(text)
    try {
      parseLanConfig(text, 'lan.yaml')
      taken++
    } catch (error) {
      if (!(error instanceof UsageError)) throw new Error(`on ${JSON.stringify(text)}`, { cause: error })
      for (const line of error.message.split('\n')) expect(line).toMatch(/^lan\.yaml:(\d+:\d+: .+| and \d+ more)$/)
    }
  }
  expect(taken).toBeGreaterThan(100)
  expect(taken).toBeLessThan(2500)
}, 120_000)
