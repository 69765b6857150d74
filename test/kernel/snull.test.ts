/** snull on real TAPs: IPv6, UDP, errors and traceroute, and its numbers with --eth. */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { captureLines } from '#support/capture.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { firstOf } from '#support/scale.ts'
import { tcpExchange, udpSocket } from '#support/sockets.ts'
import { farEnd6, nearEnd6, pingTwice } from '#support/traffic.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20

const { own, netns } = freshNamespaces('netns')

const start = (...args: string[]) => startVnet(['snull', '--netns', netns.name, '--json', ...args])

test('snull --eth uses the first free numbers', async () => {
  netns.ip('link add eth1 type bridge')
  const vnet = await start('--eth')
  expect(vnet.interfaces().map(({ name }) => name)).toEqual(['eth0', 'eth2'])
  const { status } = await netns.run('ping -c 1 -W 30 198.18.0.2')
  expect(status).toBe(0)
  await stopConserved(vnet)
})

describe.each(firstOf(1, BOTH_WAYS))('%s', (_, offload) => {
  test('IPv6 remotes reply to pings, also of 8,000 bytes', async () => {
    const vnet = await start('--ipv6', ...offload)
    await pingTwice(netns, '2001:db8::2', '2001:db8:0:1::1')
    await stopConserved(vnet)
  })

  test('tcpdump on sn1 shows the flipped addresses of packets sent on sn0', async () => {
    const vnet = await start(...offload)
    const [on0, on1] = await Promise.all([
      captureLines(netns, 'sn0', 'icmp'),
      captureLines(netns, 'sn1', 'icmp'),
    ])
    await netns.run('ping -c 1 -W 30 198.18.0.2')
    const [sent, arrived] = await Promise.all([on0.count(2), on1.count(2)])
    expect(sent[0]).toContain('IP 198.18.0.1 > 198.18.0.2: ICMP echo request')
    expect(arrived[0]).toContain('IP 198.18.1.1 > 198.18.1.2: ICMP echo request')
    expect(arrived[1]).toContain('IP 198.18.1.2 > 198.18.1.1: ICMP echo reply')
    expect(sent[1]).toContain('IP 198.18.0.2 > 198.18.0.1: ICMP echo reply')
    await Promise.all([on0.stop(), on1.stop()])
    await stopConserved(vnet)
  })

  test('TCP over IPv6 carries megabytes in both directions unchanged', async () => {
    const vnet = await start('--ipv6', ...offload)
    const { sent, received } = await tcpExchange(nearEnd6(netns), farEnd6(netns), 4 * MIB)
    expect(received).toEqual(sent)
    await stopConserved(vnet)
  })

  test('UDP of any size arrives unchanged and gets a reply', async () => {
    const vnet = await start(...offload)
    const [client, server] = await Promise.all([
      udpSocket(netns, '198.18.0.1', 0),
      udpSocket(netns, '198.18.1.2', 7000),
    ])
    server.on('message', (message, { address, port }) => server.send(message, port, address))
    for (const size of [0, 1, 2, 17, 1472, 1473, 8001, 65507]) {
      const message = Buffer.alloc(size, `${size}`)
      client.send(message, 7000, '198.18.0.2')
      const [answer, from] = await once(client, 'message')
      expect(message.equals(answer)).toBe(true)
      expect(from).toMatchObject({ address: '198.18.0.2', port: 7000, size })
    }
    client.close()
    server.close()
    await stopConserved(vnet)
  })

  test('a closed UDP port refuses the sender and quotes the packet as it was sent', async () => {
    const vnet = await start(...offload)
    const capture = await captureLines(netns, 'sn0', '-v icmp')
    const client = await udpSocket(netns, '198.18.0.1', 5009)
    client.connect(9, '198.18.0.2')
    await once(client, 'connect')
    client.send('anyone?')
    const [error] = await once(client, 'error')
    expect(error.code).toBe('ECONNREFUSED')
    client.close()
    // The error quotes the packet as it was sent, its checksum included.
    await capture.until(line => line.includes('198.18.0.1.5009 > 198.18.0.2.9: UDP'))
    const text = (await capture.stop()).join('\n')
    expect(text).toContain('198.18.0.2 > 198.18.0.1: ICMP 198.18.0.2 udp port 9 unreachable')
    expect(text).not.toMatch(/\bbad\b|incorrect|wrong/)
    await stopConserved(vnet)
  })

  test('traceroute shows one hop', async () => {
    netns.exec('sysctl -qw net.ipv4.icmp_ratelimit=0')
    const vnet = await start(...offload)
    const { status, stdout } = await netns.run('traceroute -n -w 20 198.18.0.2')
    expect(status).toBe(0)
    const hops = stdout.trim().split('\n').slice(1)
    expect(hops).toHaveLength(1)
    expect(hops[0]).toMatch(/^ 1 {2}198\.18\.0\.2( {2}[\d.]+ ms){3}$/)
    await stopConserved(vnet)
  })
})

test('traceroute to a router on sn1 shows it by the address that the near side uses', async () => {
  const router = own.add()
  const vnet = await startVnet(['snull', `${netns.name}/sn0`, `${router.name}/sn1`, '--json'])
  router.exec('sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0')
  router.ip('link set lo up', 'addr add 192.0.3.5/32 dev lo')
  netns.ip('route add 192.0.2.0/24 via 198.18.0.2 dev sn0')
  // The target returns from the network it is in: 192.0.3.0/24 there is 192.0.2.0/24 here.
  const { stdout } = await netns.run('traceroute -n -w 20 -q 1 192.0.2.5')
  const [first, ...more] = stdout.trim().split('\n').slice(1)
  expect(first).toMatch(/^ 1 {2}192\.0\.2\.5 /)
  expect(more).toEqual([])
  // A packet that the router would have to forward ends there with ICMP "time exceeded".
  router.ip(
    'link add beyond type bridge',
    'link set beyond up',
    'addr add 192.0.3.65/26 dev beyond',
  )
  const beyond = await netns.run('traceroute -n -w 20 -q 1 -m 1 192.0.2.77')
  expect(beyond.stdout).toMatch(/^ 1 {2}198\.18\.0\.2 /m)
  await stopConserved(vnet)
})
