/** A NAT64 between IPv6-only hosts and IPv4 hosts: names, pings, TCP, UDP, errors, fragments. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import http from 'node:http'
import { dirname } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { LabHost, LabRouter } from '../../src/index.ts'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

let internet: LabRouter
let router: LabRouter

/** client - router - internet - server, which has only IPv4. */
beforeEach(async () => {
  internet = await lab.router('internet')
  await lab.cable(server, internet, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] })
  router = await lab.router('router', { inside: [client], outside: internet, preset: 'ipv6-only' })
})

const SERVER = '64:ff9b::c000:201'
/** The router's IPv4 address outside. */
const outside = () =>
  router.interfaces.find(({ name }) => name === 'internet')!.addresses[0]!.split('/')[0]!
const echo = () => http.createServer(({ socket }, response) => response.end(socket.remoteAddress))

const ping = async (...args: string[]) =>
  (await client.exec('ping', ['-c1', '-W30', ...args])).stdout

describe('a host inside a NAT64', () => {
  test('has only IPv6 addresses', () => {
    expect(client.addresses.filter(each => !each.includes(':'))).toEqual([])
    expect(client.addresses).toHaveLength(1)
  })

  test('pings an IPv4 host by its address in 64:ff9b::/96 and by its name', async () => {
    expect(await ping('64:ff9b::192.0.2.1')).toContain('1 received')
    expect(await ping('server')).toContain('1 received')
    expect(await ping('-s', '1000', SERVER)).toContain('1 received')
  })

  test('fetches a page with curl from an IPv4 host, which sees the address of the router', async () => {
    await server.listen(echo(), 80, '0.0.0.0')
    const { stdout, stderr } = await client.exec('curl', ['-sS', '-m30', 'http://server/'])
    expect({ stdout, stderr }).toEqual({ stdout: outside(), stderr: '' })
  })

  test('reaches an IPv4 host by name with sockets of the kit', async () => {
    await server.listen(echo(), 80, '0.0.0.0')
    expect(await (await client.fetch('http://server/')).text()).toBe(outside())
  })

  test('finds the prefix by the name ipv4only.arpa, which other hosts do not have', async () => {
    const { stdout } = await client.exec('getent', ['ahostsv6', 'ipv4only.arpa'])
    expect(stdout).toContain('64:ff9b::c000:aa')
    const hosts = await server.exec('cat', ['/etc/hosts'])
    expect(hosts.stdout).not.toContain('64:ff9b')
    expect(hosts.stdout).not.toContain('arpa')
  })

  test('reaches hosts with IPv6 without translation', async () => {
    const [dual] = lab.hosts('dual')
    await lab.cable(dual, internet)
    await dual.listen(echo(), 80)
    const { stdout } = await client.exec('curl', ['-sS', '-m30', 'http://dual/'])
    expect(stdout).toBe(client.addresses[0])
  })

  test('receives a large transfer from an IPv4 host unchanged', async () => {
    const body = Buffer.alloc(3_000_000, 'vnet lab ')
    await server.listen(
      http.createServer((_, response) => response.end(body)),
      80,
      '0.0.0.0',
    )
    const { stdout } = await client.exec('sh', ['-c', 'curl -sS -m60 http://server/ | md5sum'])
    const { createHash } = await import('node:crypto')
    expect(stdout).toContain(createHash('md5').update(body).digest('hex'))
  })

  test('exchanges datagrams that are fragments in both directions', async () => {
    const [far] = lab.hosts('far')
    // The translator does not fragment packets that grow beyond the MTU inside.
    await lab.cable(far, internet, {
      mtu: 1400,
      addresses: [['192.0.2.129/30'], ['192.0.2.130/30']],
    })
    const [receiver, sender] = [
      await far.createSocket('udp4', 5000),
      await client.createSocket('udp6'),
    ]
    const address = '64:ff9b::c000:281'
    sender.send(Buffer.alloc(4000, 'a'), 5000, address)
    const [message, from] = await once(receiver, 'message')
    expect([message.length, from.address]).toEqual([4000, outside()])
    receiver.send(Buffer.alloc(5000, 'b'), from.port, from.address)
    const [reply, peer] = await once(sender, 'message')
    expect([reply.length, String(reply.subarray(-3)), peer.address]).toEqual([5000, 'bbb', address])
  })

  test('learns from an error that a port of an IPv4 host is closed', async () => {
    const socket = await client.createSocket('udp6')
    socket.connect(9, SERVER)
    await once(socket, 'connect')
    socket.send('x')
    expect((await once(socket, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('learns the smaller MTU of an IPv4 link from an error that the translator adjusts', async () => {
    const [far] = lab.hosts('far')
    await lab.cable(far, internet, {
      mtu: 1400,
      addresses: [['192.0.2.129/30'], ['192.0.2.130/30']],
    })
    const address = '64:ff9b::192.0.2.129'
    await ping('-M', 'do', '-s', '1452', address)
    expect((await client.exec('ip', ['-6', 'route', 'get', address])).stdout).toContain('mtu 1420')
    expect(await ping('-M', 'do', '-s', '1372', address)).toContain('1 received')
  })

  test('sees the routers of an IPv4 path', async () => {
    const [, hop] = /From (\S+)/.exec(await ping('-t', '2', SERVER)) ?? []
    expect(hop).toMatch(/^64:ff9b::c612:/)
  })
})

describe('a NAT64', () => {
  const DEFAULT = 'until ip -6 route show default | grep "proto ra"; do sleep 0.05; done'
  const routed = async (from: LabHost) => (await from.exec('sh', ['-c', DEFAULT])).stdout

  test('advertises its prefix (PREF64) and itself on links inside, and no addresses', async () => {
    const [late] = lab.hosts('late')
    await lab.cable(late, router, { capture: true })
    const { addresses } = late
    for (const host of [client, late]) {
      expect(await routed(host)).toMatch(/^default via fe80::ff:fe00:\w+ dev router/)
    }
    const { stdout } = await late.exec('ip', ['-6', '-o', 'addr', 'show', 'scope', 'global'])
    expect(stdout.match(/inet6 \S+/g)).toEqual([`inet6 ${addresses[0]}/64`])
    const [file = ''] = lab.keepCaptures()
    await lab.close()
    const shown = ['-V', '-Y', 'icmpv6.type == 134']
    const { stdout: ra } = spawnSync('tshark', ['-r', file, ...shown], { encoding: 'utf8' })
    rmSync(dirname(file), { recursive: true })
    expect(ra).toContain('[Checksum Status: Good]')
    expect(ra).toContain('Router lifetime (s): 1800')
    expect(ra).toMatch(
      /Type: PREF64 Option \(38\)\n.*Length: 2 \(16 bytes\)\n.*Scaled Lifetime: 225\n.*96 bits.*\n.*Prefix: 64:ff9b::\n/,
    )
    expect(ra).not.toContain('Prefix information')
    expect(ra).not.toContain('Router lifetime (s): 0')
  })

  test('replies to solicitations of this link only, and advertises nothing outside', async () => {
    const solicit = (from: LabHost, wait: string, name: string) =>
      from.exec('rdisc6', ['-1', '-w', wait, name])
    await routed(client)
    expect((await solicit(client, '9000', 'router')).stdout).toMatch(
      /Router lifetime +: +1800 .*from fe80::ff:/s,
    )
    expect((await internet.exec('ip', ['-6', 'route', 'show', 'default'])).stdout).toBe('')
    expect((await solicit(internet, '1', 'router')).status).not.toBe(0)
  })

  /** The packets that the NAT has refused. */
  const filtered = async () =>
    (await router.linkTo(internet).stats()).ba.stages.find(({ stage }) => stage === 'nat')?.drops
      .filtered

  test('lets only addresses in to which the host has sent', async () => {
    const [other] = lab.hosts('other')
    await lab.cable(other, internet, { addresses: [['192.0.2.65/30'], ['192.0.2.66/30']] })
    const [known, stranger] = [
      await server.createSocket('udp4', 5000),
      await other.createSocket('udp4'),
    ]
    const socket = await client.createSocket('udp6')
    socket.send('hello', 5000, SERVER)
    const [, { address, port }] = await once(known, 'message')
    const received: string[] = []
    socket.on('message', message => received.push(String(message)))
    await new Promise(resolve => stranger.send('stranger', port, address, resolve))
    // It has the same address, and another port.
    const second = await server.createSocket('udp4')
    second.send('known', port, address)
    await once(socket, 'message')
    // The datagram of the stranger, who has an address to resolve first, may come later.
    await expect.poll(filtered).toBe(1)
    expect(received).toEqual(['known'])
  })

  test('leads one host inside to a port of another by the address outside', async () => {
    const [neighbour] = lab.hosts('neighbour')
    await lab.cable(neighbour, router)
    const stun = await server.createSocket('udp4', 3478)
    const ends = await Promise.all([client.createSocket('udp6'), neighbour.createSocket('udp6')])
    const ports = []
    for (const end of ends) {
      end.send('hello', 3478, SERVER)
      ports.push((await once(stun, 'message'))[1].port)
    }
    const [one, two] = ends as [(typeof ends)[0], (typeof ends)[0]]
    const at = `64:ff9b::${outside()}`
    // The first datagram makes the NAT let the second one in. It precedes one for the server.
    one.send('one', ports[1], at)
    one.send('later', 3478, SERVER)
    await once(stun, 'message')
    two.send('two', ports[0], at)
    const [message, from] = await once(one, 'message')
    expect([String(message), from.port]).toEqual(['two', ports[1]])
  })

  test('lets no packet in that claims to be translated', async () => {
    await internet.exec('ip', ['-6', 'addr', 'add', '64:ff9b::9/128', 'dev', 'lo'])
    await internet.exec('ping', ['-c1', '-W1', '-I', '64:ff9b::9', client.addresses[0]!])
    await expect.poll(filtered).toBe(1)
  })
})

test.each([
  [{ nat: 'nat64', hairpin: true }, 'hairpin is for a NAT of IPv4, not for nat64'],
  [{ nat: 'nat64', portMapping: true }, 'portMapping is for a NAT of IPv4, not for nat64'],
  [
    { preset: 'ipv6-only', forward: { 'tcp 1': 'client' } },
    'forward is for a NAT of IPv4, not for nat64',
  ],
  [{ nat: 'nat64', mtu: 1000 }, 'nat64 needs an mtu of at least 1280'],
] as const)('a router with %o is refused', async (options, message) => {
  await expect(lab.router('wrong', { ...options, outside: internet })).rejects.toThrow(message)
})
