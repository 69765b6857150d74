/** `vnet lan eth9` in a new namespace, seen by common programs: dhclient, ping, dig, curl, nmap. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Dhclient } from '#support/dhclient.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { spawnLan, stopLan } from '#support/lan-program.ts'
import { type Netns, outcome } from '#support/netns.ts'
import { hasCarrier, untilFound, untilShown } from '#support/shown-link.ts'
import { tcpExchange } from '#support/sockets.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import type { Running } from '#support/vnet-process.ts'

const MAC = '00:1b:21:0a:0b:0c'
/** The address made of the prefix and the MAC address (RFC 4291 app. A). */
const SLAAC = '2001:db8:0:1:21b:21ff:fe0a:b0c'
const CONFIG = `
hosts:
  - name: web
    ip: 198.18.0.2
    ip6: 2001:db8:0:1::2
    ports: [{ port: 80, service: http, body: "hello from web\\n" }]
  - { name: node%d, count: 20, ip: 198.18.0.10 }
`

const { own, near, directory: dir } = freshNamespaces('near')
let resolver: string
const config = join(dir, 'lan.yaml')
const clients: Dhclient[] = []

beforeEach(() => {
  resolver = readFileSync('/etc/resolv.conf', 'utf8')
  writeFileSync(config, CONFIG)
})
afterEach(() => {
  own.remove()
  for (const client of clients.splice(0).reverse()) {
    client.remove()
  }
  expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(resolver)
  expect(existsSync(`/etc/netns/${near.name}`)).toBe(false)
})

function dhclient(netns: Netns): Dhclient {
  const client = new Dhclient(netns, dir)
  clients.push(client)
  return client
}

/** A port with a lease, and its run. */
async function leased(): Promise<Running> {
  const vnet = await spawnLan(near, 'eth9', '--mac', MAC, '--config', config)
  expect(await dhclient(near).lease('eth9')).toBe('198.18.0.100')
  return vnet
}

/** Runs a program, which must succeed, and returns its output. */
async function says(...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await outcome(near.spawn(command))
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

/** Waits for the address made from router advertisements, after duplicate detection. */
async function slaac(): Promise<void> {
  await untilFound(own, near, () => {
    const text = near.ip(`-o -6 addr show dev eth9 to ${SLAAC}`)
    return text.includes(SLAAC) && !/ tentative /.test(text) ? true : undefined
  })
}

test('dhclient gets a lease for the MAC address of --mac, and the port is the primary interface', async () => {
  const vnet = await leased()
  expect(await vnet.line(/DHCPACK\(eth9\)/)).toContain(`DHCPACK(eth9) 198.18.0.100 ${MAC}`)
  expect(near.ip('route get 203.0.113.9')).toMatch(
    /^203\.0\.113\.9 via 198\.18\.0\.1 dev eth9 src 198\.18\.0\.100 /,
  )
  const { eth9 } = JSON.parse(
    await says(process.execPath, '-p', 'JSON.stringify(os.networkInterfaces())'),
  )
  expect(eth9[0]).toMatchObject({
    address: '198.18.0.100',
    netmask: '255.255.255.0',
    mac: MAC,
    internal: false,
  })
  const node = await says('python3', '-c', 'import uuid; print(f"{uuid.getnode():012x}")')
  expect(node.trim()).toBe(MAC.replaceAll(':', ''))
  await stopLan(vnet)
})

test('a persistent TAP that is up, as NetworkManager creates for a tun profile, gets a lease and is kept', async () => {
  near.ip('tuntap add dev eth9 mode tap vnet_hdr', 'link set eth9 up')
  const vnet = await spawnLan(near, 'eth9', '--config', config)
  expect(await dhclient(near).lease('eth9')).toMatch(/^198\.18\.0\.1\d\d$/)
  await stopLan(vnet)
  expect(near.ip('-d link show eth9')).toContain('persist on')
})

test('the gateway replies to ping by its address and by its name', async () => {
  const vnet = await leased()
  await pingWithoutLoss(near, '-c 2 -i 0.05 198.18.0.1')
  // Not its first line: glibc 2.36 may return an empty canonical name for two right answers.
  expect(await says('ping', '-4', '-c', '1', 'gateway')).toContain('from gateway.lan (198.18.0.1)')
  await stopLan(vnet)
})

test('dig finds the names and addresses of hosts, and no others', async () => {
  const vnet = await leased()
  const dig = async (...words: string[]) => (await says('dig', '+short', ...words)).trim()
  expect(await dig('web.lan', 'A')).toBe('198.18.0.2')
  expect(await dig('web.lan', 'AAAA')).toBe('2001:db8:0:1::2')
  expect(await dig('+search', 'node20')).toBe('198.18.0.29')
  expect(await dig('-x', '198.18.0.2')).toBe('web.lan.')
  expect(await dig('-x', '2001:db8:0:1::2')).toBe('web.lan.')
  expect(await dig('+tcp', 'gateway.lan')).toBe('198.18.0.1')
  for (const name of ['nobody.lan', 'example.com']) {
    const text = await says('dig', name)
    expect(text).toMatch(/status: NXDOMAIN/)
    expect(text).toMatch(/SERVER: 198\.18\.0\.1#53/)
  }
  await stopLan(vnet)
})

test('the C library resolves names with the resolver that the DHCP client set', async () => {
  const vnet = await leased()
  const script = `
import socket
def find(name):
    try: return sorted({info[4][0] for info in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)})
    except socket.gaierror as error: return error.errno == socket.EAI_NONAME
print(find('web'), find('web.lan'), find('nobody'))
print(socket.gethostbyaddr('198.18.0.2')[0])
`
  const both = "['198.18.0.2', '2001:db8:0:1::2']"
  expect(await says('python3', '-c', script)).toBe(`${both} ${both} True\nweb.lan\n`)
  await stopLan(vnet)
})

test('curl gets the page of a host over IPv4, and over IPv6 from the address of the router advertisements', async () => {
  const vnet = await leased()
  expect(await says('curl', '-sS', '-4', '--max-time', '20', 'http://web.lan/')).toBe(
    'hello from web\n',
  )
  await slaac()
  const routes = near.ip('-6 route show default')
  expect(routes).toMatch(/^default via fe80::[0-9a-f:]+ dev eth9 proto ra /)
  expect(await says('curl', '-sS', '-6', '--max-time', '20', 'http://web.lan/')).toBe(
    'hello from web\n',
  )
  await stopLan(vnet)
})

test('nmap finds exactly the hosts of the segment', async () => {
  const vnet = await leased()
  const text = await says('nmap', '-sn', '-n', '-oG', '-', '198.18.0.0/24')
  const found = [...text.matchAll(/^Host: (\S+) .*Status: Up$/gm)].map(([, address]) => address)
  const nodes = Array.from({ length: 20 }, (_, i) => `198.18.0.${10 + i}`)
  expect(found.toSorted()).toEqual(
    ['198.18.0.1', '198.18.0.2', ...nodes, '198.18.0.100'].toSorted(),
  )
  await stopLan(vnet)
})

describe('two ports on one segment', () => {
  test('two ports of one segment get a lease each, and reach each other and the hosts', async () => {
    const far = own.add()
    const vnet = await spawnLan(
      near,
      'eth9',
      `${far.name}/eth9`,
      '--config',
      config,
      '--negotiation',
      '0',
    )
    for (const netns of [near, far]) {
      await untilShown(own, netns, 'eth9', hasCarrier)
    }
    const client = { netns: near, address: await dhclient(near).lease('eth9'), reachedAt: '' }
    const address = await dhclient(far).lease('eth9')
    expect(new Set([client.address, address]).size).toBe(2)
    const { sent, received } = await tcpExchange(
      client,
      { netns: far, address, reachedAt: address },
      1_000_000,
    )
    expect(received).toEqual(sent)
    const page = await far.run('curl -sS --max-time 20 http://web.lan/')
    expect(page).toMatchObject({ status: 0, stdout: 'hello from web\n' })
    await stopLan(vnet)
  })
})
