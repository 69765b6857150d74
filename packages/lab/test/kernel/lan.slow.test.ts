/** Segments of `vnet lan` in a lab: namespaces as ports, the gateway's services, the wires. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { createLab, type Lab, type LabHost } from '../../src/index.ts'

let lab: Lab
let a: LabHost
let b: LabHost

beforeEach(async () => {
  lab = await createLab({ seed: 7 })
  ;[a, b] = lab.hosts('a', 'b')
})
afterEach(() => lab.close())

/** Pings once. Returns whether a reply arrived. */
async function pings(from: LabHost, to: string, seconds = '15'): Promise<boolean> {
  return (await from.exec('ping', ['-c', '1', '-W', seconds, to])).status === 0
}

const dig = async (from: LabHost, ...words: string[]) =>
  (await from.exec('dig', ['+short', '+tries=1', '+time=15', ...words])).stdout.trim()

test('hosts on a lan reach each other by their names, the gateway and simulated hosts', async () => {
  const lan = await lab.lan({ hosts: [{ name: 'printer', ip: '198.18.1.9' }] }, a, b)
  expect(lan.gateway).toBe('198.18.1.1')
  expect(a.addresses).toEqual(['198.18.1.201', '2001:db8:0:1::c9'])
  for (const host of ['b', ...b.addresses, lan.gateway, '198.18.1.9']) {
    expect(await pings(a, host)).toBe(true)
  }
})

test('the DNS server of a lan knows the hosts of the lab and its own', async () => {
  await lab.lan(
    { hosts: [{ name: 'printer', ip: '198.18.1.9' }], dns: { records: { www: '192.0.2.80' } } },
    a,
    b,
  )
  expect(await dig(a, 'b.lan')).toBe('198.18.1.202')
  expect(await dig(a, 'b.lan', 'AAAA')).toBe('2001:db8:0:1::ca')
  expect(await dig(b, 'printer.lan')).toBe('198.18.1.9')
  expect(await dig(b, 'www.lan')).toBe('192.0.2.80')
})

test('programs ask the DNS server of the last remaining lan, then the servers of the machine again', async () => {
  const resolvers = async () => (await a.exec('cat', ['/etc/resolv.conf'])).stdout
  const before = await resolvers()
  const [first, second] = [await lab.lan({}, a), await lab.lan({}, a, b)]
  expect(await resolvers()).toBe(`nameserver ${second.gateway}\n`)
  await second.portOf(a).close()
  expect(await resolvers()).toBe(`nameserver ${first.gateway}\n`)
  await first.close()
  expect(await resolvers()).toBe(before)
})

test('a port without addresses gets one by DHCP', async () => {
  const lan = await lab.lan({ addresses: false, network: '192.0.2.0/24', network6: false }, a)
  expect(a.addresses).toEqual([])
  const directory = testDirectory()
  const script = join(directory, 'script')
  writeFileSync(
    script,
    '#!/bin/sh\n[ "$1" = bound ] && echo "$ip from $serverid, dns $dns" || true\n',
    {
      mode: 0o755,
    },
  )
  const { stdout } = await a.exec('udhcpc', ['-i', 'lan', '-n', '-q', '-f', '-s', script])
  expect(stdout).toMatch(/^192\.0\.2\.1\d\d from 192\.0\.2\.1, dns 192\.0\.2\.1$/m)
  expect(lan.gateway).toBe('192.0.2.1')
})

test('the link of a port has its own wire, faults, carrier and counters', async () => {
  const lan = await lab.lan({ wire: 'delay 1ms' }, a, b)
  const port = lan.portOf(a)
  await port.wire('')
  const words = async (host: LabHost) => (await lan.portOf(host).stats()).ab.text
  expect([await words(a), await words(b)]).toEqual(['', 'delay 1ms'])
  const fault = await port.ab.drop('icmp')
  expect(await pings(a, '198.18.1.202', '0.2')).toBe(false)
  await fault.hit()
  expect(fault.hits).toBe(1)
  await fault.remove()
  expect(await pings(a, '198.18.1.202')).toBe(true)
  await port.down()
  expect((await a.exec('cat', ['/sys/class/net/lan/carrier'])).stdout).toBe('0\n')
  await port.up()
  expect((await a.exec('cat', ['/sys/class/net/lan/carrier'])).stdout).toBe('1\n')
  expect((await port.stats()).a.sent).toBeGreaterThan(0)
})

test('a router joins two lans', async () => {
  const router = await lab.router('router')
  await lab.lan({}, a, router)
  await lab.lan({}, b, router)
  expect(await pings(a, 'b')).toBe(true)
  expect(router.interfaces.map(({ name }) => name)).toEqual(['lan', 'lan2'])
})

test('a closed lan is removed, and another one can be made', async () => {
  const lan = await lab.lan({}, a, b)
  await lan.close()
  expect([a.interfaces, (await a.exec('ip', ['-o', 'link'])).stdout.includes('lan')]).toEqual([
    [],
    false,
  ])
  await lab.lan({}, a, b)
  expect(await pings(a, 'b')).toBe(true)
})

test('wrong options are one line, and leave nothing', async () => {
  await expect(lab.lan({ network: 'none' }, a)).rejects.toThrow("'none' is not a network")
  await expect(lab.lan({ network: '192.0.2.0/28' }, a)).rejects.toThrow('give `addresses: false`')
  await expect(lab.lan({ wire: 'los 1%' }, a)).rejects.toThrow('los')
  await expect(lab.lan({ dhcp: { pool: '10.0.0.1' } }, a)).rejects.toThrow('pool')
  await expect(lab.lan({})).rejects.toThrow('name the hosts')
  await expect(lab.lan({}, a, a)).rejects.toThrow('lan: a is named twice')
  expect([a.interfaces, (await a.exec('ip', ['-o', 'link'])).stdout.includes('lan')]).toEqual([
    [],
    false,
  ])
  const lan = await lab.lan({}, a)
  expect(() => lan.portOf(b)).toThrow('b is not a port of this lan')
})

test('labs with lans and routers leave no descriptor', async () => {
  const descriptors = () => readdirSync('/proc/self/fd').length
  const round = async () => {
    await using other = await createLab()
    const [host, server] = other.hosts('host', 'server')
    const router = await other.router('router', { outside: server, nat: 'symmetric' })
    await other.lan({ hosts: [{ name: 'web', ip: '198.18.2.9' }] }, host, router)
    expect(await pings(host, 'server')).toBe(true)
  }
  await round()
  await round()
  const before = descriptors()
  for (let i = 0; i < 3; i++) {
    await round()
  }
  expect(descriptors()).toBe(before)
})

test('a lan without options, or with an end that is not a namespace, is a usage error', async () => {
  const lan = lab.lan as (...words: unknown[]) => Promise<unknown>
  const missing = 'lan(options, ...hosts): the options are missing; {} stands for the defaults'
  for (const words of [[a, b], []]) {
    await expect(lan.apply(lab, words)).rejects.toThrow(missing)
  }
  await expect(lan.call(lab, {}, 'a')).rejects.toThrow("lan: 'a' is not a host of the lab")
  await expect(lan.call(lab, {})).rejects.toThrow('lan: name the hosts')
})

test('a lan is removed at the end of its scope', async () => {
  {
    await using _lan = await lab.lan({}, a)
    expect(a.interfaces).toHaveLength(1)
  }
  expect(a.interfaces).toEqual([])
})

test('packets pass immediately when up of a port returns', async () => {
  const lan = await lab.lan({}, a, b)
  await lan.portOf(a).down()
  await lan.portOf(a).up()
  expect(await pings(a, lan.gateway)).toBe(true)
})
