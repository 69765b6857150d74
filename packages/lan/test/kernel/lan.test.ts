/** The lan driver on real TAPs: the simulated segment as programs of the machine see it. */
import { describe, expect, test } from 'vitest'
import { captureLines } from '#support/capture.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { addAddresses, stopLan } from '#support/lan-program.ts'
import { type Netns, type Outcome, outcome } from '#support/netns.ts'
import { firstOf } from '#support/scale.ts'
import {
  hasCarrier,
  hasNoCarrier,
  type ShownLink,
  shownLink,
  untilFound,
  untilShown,
} from '#support/shown-link.ts'
import { tcpExchange } from '#support/sockets.ts'
import { pingAll } from '#support/traffic.ts'
import { BOTH_WAYS, type Running, startVnet } from '#support/vnet-process.ts'

const { own, near, far } = freshNamespaces('near', 'far')

const until = (netns: Netns, name: string, is: (link: ShownLink) => boolean) =>
  untilShown(own, netns, name, is)

/** Starts lan, waits for the carrier, and adds an address of each family, without detection. */
async function start(...args: string[]): Promise<Running> {
  const vnet = await startVnet([
    'lan',
    `${near.name}/eth9`,
    '--json',
    '--negotiation',
    '0',
    '--hosts',
    '8',
    ...args,
  ])
  await until(near, 'eth9', hasCarrier)
  await addAddresses(near, 'eth9', 50)
  return vnet
}

/** Runs a Python program, which must not fail, and returns its lines. */
async function python(netns: Netns, script: string): Promise<string[]> {
  const { status, stdout, stderr }: Outcome = await outcome(netns.spawn(['python3', '-c', script]))
  expect([status, stderr]).toEqual([0, ''])
  return stdout.trim().split('\n')
}

const FAMILIES = [
  ['IPv4', 'AF_INET', '198.18.0.5'],
  ['IPv6', 'AF_INET6', '2001:db8:0:1::5'],
] as const

describe.each(firstOf(1, BOTH_WAYS))('%s', (_, options) => {
  test('hosts and the gateway reply to ping, small and in fragments', async () => {
    const vnet = await start(...options)
    for (const to of ['198.18.0.1', '198.18.0.5', '2001:db8:0:1::1', '2001:db8:0:1::5']) {
      await pingAll(near, `-c 3 -i 0.02 ${to}`)
      await pingAll(near, `-c 2 -i 0.02 -s 5000 ${to}`)
    }
    await stopLan(vnet)
  })

  test.each(FAMILIES)(
    'over %s echo returns what it is sent, and each datagram of a UDP_SEGMENT send',
    async (_, family, to) => {
      const vnet = await start(...options)
      const capture = await captureLines(near, 'eth9', '-Q in -v udp port 7')
      const found = await python(
        near,
        `
import socket
s = socket.socket(socket.${family}, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect(('${to}', 7))
for size in 0, 1, 1000, 1400:
    data = bytes(i % 251 for i in range(size))
    s.send(data)
    print(s.recv(2000) == data)
s.setsockopt(socket.IPPROTO_UDP, 103, 500)
data = bytes(i % 251 for i in range(2250))
s.send(data)
parts = [s.recv(9000) for _ in range(5)]
print([len(part) for part in parts], b''.join(parts) == data)
`,
      )
      expect(found).toEqual(['True', 'True', 'True', 'True', '[500, 500, 500, 500, 250] True'])
      // tcpdump verifies checksums that are not partial.
      const seen = await capture.stop()
      if (options.length > 0) {
        expect(seen.filter(line => /bad udp cksum/.test(line))).toEqual([])
      }
      await stopLan(vnet)
    },
  )

  test.each(FAMILIES)('over %s closed ports refuse and services reply', async (_, family, to) => {
    const vnet = await start(...options)
    const found = await python(
      near,
      `
import socket
def udp(port):
    s = socket.socket(socket.${family}, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.connect(('${to}', port))
    s.send(b'hello')
    try: return s.recv(2000)
    except OSError as error: return type(error).__name__
def tcp(port):
    s = socket.socket(socket.${family}, socket.SOCK_STREAM)
    s.settimeout(10)
    try: return s.connect(('${to}', port))
    except OSError as error: return type(error).__name__
print(udp(99), tcp(80), tcp(8))
print(udp(13).decode().strip()[-4:])
print(len(udp(19)) <= 512)
`,
    )
    expect(found).toEqual([
      'ConnectionRefusedError ConnectionRefusedError ConnectionRefusedError',
      '-UTC',
      'True',
    ])
    await stopLan(vnet)
  })

  test('two ports in two namespaces reach each other over one segment', async () => {
    const args = [
      `${near.name}/eth8`,
      `${far.name}/eth9`,
      '--json',
      '--negotiation',
      '0',
      '--hosts',
      '8',
    ]
    const vnet = await startVnet(['lan', ...args, ...options])
    const ends = [
      [near, 'eth8', 51],
      [far, 'eth9', 52],
    ] as const
    for (const [netns, name, octet] of ends) {
      await until(netns, name, hasCarrier)
      await addAddresses(netns, name, octet)
    }
    const [client, server] = ends.map(([netns, , octet]) => ({
      netns,
      address: `198.18.0.${octet}`,
      reachedAt: `198.18.0.${octet}`,
    })) as [Parameters<typeof tcpExchange>[0], Parameters<typeof tcpExchange>[1]]
    const { sent, received } = await tcpExchange(client, server, 2_000_000)
    expect(received).toEqual(sent)
    await pingAll(near, '-c 3 -i 0.02 2001:db8:0:1::52')
    for (const [netns] of ends) {
      await pingAll(netns, '-c 3 -i 0.02 198.18.0.5')
    }
    await stopLan(vnet)
  })
})

describe('an address of a host', () => {
  test('arping -D finds the address of a host taken and another address free', async () => {
    const vnet = await start()
    const [taken, free] = await Promise.all([
      near.run('arping -D -w 30 -I eth9 198.18.0.5'),
      near.run('arping -D -c 1 -w 2 -I eth9 198.18.0.77'),
    ])
    expect([taken.status, free.status]).toEqual([1, 0])
    expect(taken.stdout).toContain('Unicast reply from 198.18.0.5 [02:4C:4E:12:00:05]')
    await stopLan(vnet)
  })

  test.each([0, 1])(
    'duplicate address detection with enhanced_dad %i finds the address of a host taken and another free',
    async enhanced => {
      for (const name of ['all', 'default']) {
        near.exec(`sysctl -qw net.ipv6.conf.${name}.enhanced_dad=${enhanced}`)
      }
      const vnet = await start()
      // The kernel waits this many milliseconds for a reply.
      for (const [octet, word, ms] of [
        [5, 'dadfailed', 100_000],
        [77, 'valid_lft', 1000],
      ] as const) {
        near.exec(`sysctl -qw net.ipv6.neigh.eth9.retrans_time_ms=${ms}`)
        await near.run(`ip -6 addr add 2001:db8:0:1::${octet}/64 dev eth9`)
        const text = await untilFound(own, near, () => {
          const shown = near.ip(`-o -6 addr show dev eth9 to 2001:db8:0:1::${octet}`)
          return /dadfailed/.test(shown) || !/tentative/.test(shown) ? shown : undefined
        })
        expect(text).toContain(word)
        expect(/dadfailed/.test(text)).toBe(octet === 5)
      }
      await stopLan(vnet)
    },
  )

  test('a host defends its address with an announcement when the machine uses it', async () => {
    const vnet = await start()
    const capture = await captureLines(near, 'eth9', '-Q in arp')
    await near.run('ip addr add 198.18.0.5/32 dev eth9')
    const { stdout } = await near.run('arping -c 1 -w 1 -A -I eth9 198.18.0.5')
    expect(stdout).toContain('Sent 1 probe')
    await capture.until(line => /Request who-has 198\.18\.0\.5 .*tell 198\.18\.0\.5/.test(line))
    await capture.stop()
    await stopLan(vnet)
  })
})

test('the gateway immediately rejects destinations outside the segment as unreachable', async () => {
  const vnet = await start()
  await near.run('ip route add default via 198.18.0.1')
  await near.run('ip -6 route add default via 2001:db8:0:1::1')
  const four = await near.run('ping -c 1 -W 30 192.0.2.9')
  const six = await near.run('ping -c 1 -W 30 2001:db8:99::9')
  expect(four.stdout).toContain('From 198.18.0.1 icmp_seq=1 Destination Net Unreachable')
  expect(six.stdout).toContain('From 2001:db8:0:1::1 icmp_seq=1 Destination unreachable: No route')
  await stopLan(vnet)
})

test('neighbour discovery shows the gateway as a router, and hosts not', async () => {
  const vnet = await start()
  for (const to of ['2001:db8:0:1::1', '2001:db8:0:1::5']) {
    await pingAll(near, `-c 1 ${to}`)
  }
  const { stdout } = await near.run('ip -6 neigh show dev eth9')
  expect(stdout).toMatch(/2001:db8:0:1::1 lladdr 02:4c:4e:12:00:01 router/)
  expect(stdout).toMatch(/2001:db8:0:1::5 lladdr 02:4c:4e:12:00:05 (?!router)/)
  await stopLan(vnet)
})

test('the interface is an Ethernet port of the requested speed, with a carrier after the negotiation', async () => {
  const run = (negotiation: string) =>
    startVnet([
      'lan',
      `${near.name}/eth9`,
      '--json',
      '--speed',
      '2500',
      '--negotiation',
      negotiation,
    ])
  const never = await run('3600000')
  expect(hasNoCarrier(shownLink(near, 'eth9'))).toBe(true)
  await stopLan(never)
  const vnet = await run('100')
  const link = await until(near, 'eth9', hasCarrier)
  expect(link.flags.toSorted()).toEqual(['BROADCAST', 'LOWER_UP', 'MULTICAST', 'UP'])
  const files = ['type', 'speed', 'duplex'].map(file => `/sys/class/net/eth9/${file}`)
  expect(near.exec(`cat ${files.join(' ')}`)).toBe('1\n2500\nfull\n')
  await stopLan(vnet)
})
