/**
 * The receive mode of an interface (promiscuous, multicast), set by ordinary programs, and how a
 * driver applies it.
 */
import { describe, expect, test } from 'vitest'
import { captureLines } from '#support/capture.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Child, Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import { tcpExchange } from '#support/sockets.ts'
import { pingOnce } from '#support/traffic.ts'
import {
  BOTH_WAYS,
  jsonLines,
  type Running,
  spawnVnet,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const { own, near, far, files } = freshQuietNamespaces('near', 'far')

/** A program that joins groups on the interface with this address, until its input ends. */
function join(netns: Netns, name: string, address: string, ...groups: string[]): Child {
  const script = `
import socket, struct, sys
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for group in sys.argv[1:]:
  if ":" in group:
    index = struct.pack("i", socket.if_nametoindex("${name}"))
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + index)
  else:
    four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("${address}"))
print("joined", flush=True)
sys.stdin.read()`
  return netns.spawn(['python3', '-c', script, ...groups])
}

const joined = (child: Child) => new Promise(resolve => child.stdout.once('data', resolve))
const ended = (child: Child) => new Promise(resolve => child.on('close', resolve))

describe('ndoSetRxMode', () => {
  /** Logs added and removed addresses. */
  const file = () =>
    files.driver({
      setup: 'dev.priv.had = new Set()',
      ops: `ndoSetRxMode(dev) {
        const has = new Set(dev.mc.map(group => Buffer.from(group).toString('hex')))
        if (dev.flags & IFF_PROMISC) has.add('promisc')
        if (dev.flags & IFF_ALLMULTI) has.add('allmulti')
        for (const one of has) if (!dev.priv.had.has(one)) dev.log.info('has ' + one)
        for (const one of dev.priv.had) if (!has.has(one)) dev.log.info('lost ' + one)
        dev.priv.had = has
      }`,
    })
  const start = () =>
    spawnVnet([file(), '--netns', near.name, '--json', '--address', '198.18.0.1/24'])

  test.each(firstOf(1, ['allmulti', 'promisc']))(
    'ndoSetRxMode is called once for %s on and once for off',
    async mode => {
      const vnet = await start()
      const option = mode === 'promisc' ? 'promisc' : 'allmulticast'
      near.ip(`link set mine0 ${option} on`)
      await vnet.line(new RegExp(`mine0: has ${mode}"`))
      near.ip(`link set mine0 ${option} off`)
      await vnet.line(new RegExp(`mine0: lost ${mode}"`))
      await stopConserved(vnet)
      expect(changes(vnet).filter(line => line.endsWith(mode))).toEqual([
        `has ${mode}`,
        `lost ${mode}`,
      ])
    },
  )

  const changes = (vnet: Running) =>
    jsonLines(vnet.stdout).flatMap(
      ({ message }) => /^mine0: ((?:has|lost) .*)$/.exec(String(message))?.[1] ?? [],
    )

  test('ndoSetRxMode is called for groups that `ip maddr` adds and deletes', async () => {
    const vnet = await start()
    near.ip('maddr add 01:00:5e:01:02:03 dev mine0', 'maddr add 33:33:00:01:02:03 dev mine0')
    await vnet.line(/mine0: has 01005e010203"/)
    await vnet.line(/mine0: has 333300010203"/)
    near.ip('maddr del 01:00:5e:01:02:03 dev mine0')
    await vnet.line(/mine0: lost 01005e010203"/)
    await stopConserved(vnet)
    expect(changes(vnet)).not.toContain('lost 333300010203')
  })

  test('ndoSetRxMode is called for groups that a program joins and leaves, over IPv4 and IPv6', async () => {
    for (const which of ['all', 'default']) {
      near.exec(`sysctl -qw net.ipv6.conf.${which}.disable_ipv6=0`)
    }
    const vnet = await start()
    const child = join(near, 'mine0', '198.18.0.1', '233.252.0.77', 'ff02::db8:77')
    await vnet.line(/mine0: has 01005e7c004d"/)
    await vnet.line(/mine0: has 33330db80077"/)
    child.stdin.end()
    await vnet.line(/mine0: lost 01005e7c004d"/)
    await vnet.line(/mine0: lost 33330db80077"/)
    await stopConserved(vnet)
  })

  test('ndoSetRxMode is called when tcpdump turns promiscuous mode on and off', async () => {
    const vnet = await start()
    const tcpdump = near.spawn('tcpdump -n -i mine0')
    await vnet.line(/mine0: has promisc"/)
    // The kernel shows IFF_PROMISC only if it was set as a flag; sockets are counted.
    expect(near.ip('link show mine0')).not.toContain('PROMISC')
    expect(near.ip('-d link show mine0')).toContain('promiscuity 1')
    tcpdump.kill('SIGINT')
    await vnet.line(/mine0: lost promisc"/)
    await stopConserved(vnet)
  })

  test('ndoSetRxMode is called on open with changes made while the device was down', async () => {
    const vnet = await spawnVnet([file(), '--netns', near.name, '--json', '--down'])
    near.ip(
      'link set mine0 allmulticast on',
      'maddr add 01:00:5e:01:02:03 dev mine0',
      'link set mine0 up',
    )
    await vnet.line(/mine0: device opened"/)
    await vnet.line(/mine0: has 01005e010203"/)
    await vnet.line(/mine0: has allmulti"/)
    await stopConserved(vnet)
  })
})

test('ndoSetRxMode is called on each open, before the first frame', async () => {
  const log = (op: string) => `${op}: dev => dev.log.info('${op}')`
  const file = files.driver({ ops: `${log('ndoOpen')}, ${log('ndoSetRxMode')}, ${log('ndoStop')}` })
  const vnet = await spawnVnet([file, '--netns', near.name, '--json', '-v'])
  for (const state of ['down', 'up', 'mtu 1400']) {
    near.ip(`link set mine0 ${state}`)
  }
  await vnet.line(/mine0: mtu 1400"/)
  await stopConserved(vnet)
  const lines = jsonLines(vnet.stdout).map(({ message }) => String(message).replace('mine0: ', ''))
  const opens = lines.flatMap((line, i) => (line === 'ndoOpen' ? [lines.slice(i, i + 3)] : []))
  expect(opens).toEqual([1, 2].map(() => ['ndoOpen', 'ndoSetRxMode', 'device opened']))
})

describe('cable --rx-filter', () => {
  const GROUP = [1, 0, 0x5e, 0x7c, 0, 0x4d]
  const OTHER_GROUP = [1, 0, 0x5e, 0x7c, 0, 0x4e]
  const OTHER_HOST = [2, 9, 9, 9, 9, 9]
  const BROADCAST = [255, 255, 255, 255, 255, 255]
  const ADDRESSES = ['--address', '192.0.2.1/24', '--address', '192.0.2.2/24']

  const start = (...args: string[]) =>
    startVnet(['cable', `${near.name}/left`, `${far.name}/right`, '--json', ...ADDRESSES, ...args])

  const to = (mac: readonly number[]) => {
    const frame = ethernet(0x88b5, 46)
    frame.set(mac)
    return frame
  }
  const macOf = (vnet: Running) =>
    (vnet.interfaces().find(({ name }) => name === 'right')?.mac ?? '')
      .split(':')
      .map(octet => Number.parseInt(octet, 16))

  /** Which of these frames reach the kernel at the other end; the last is for it. */
  async function arriving(
    vnet: Running,
    ...destinations: (readonly number[])[]
  ): Promise<string[]> {
    using receiver = new PacketSocket(far, 'right')
    using sender = new PacketSocket(near, 'left')
    for (const mac of destinations) {
      sender.send(to(mac))
    }
    const last = ethernet(0x88b6, 46)
    last.set(macOf(vnet))
    sender.send(last)
    await receiver.until(({ octets }) => octets[13] === 0xb6)
    const frames = receiver.frames.filter(
      ({ octets }) => octets[12] === 0x88 && octets[13] === 0xb5,
    )
    return frames.map(({ octets }) => [...octets.subarray(0, 6)].join())
  }

  /**
   * Waits until the filter lets this group pass: the driver is notified a moment after the request.
   */
  async function untilPasses(vnet: Running, mac: readonly number[]): Promise<void> {
    while ((await arriving(vnet, mac)).length === 0) {}
  }
  async function untilKept(vnet: Running, mac: readonly number[]): Promise<void> {
    while ((await arriving(vnet, mac)).length > 0) {}
  }

  test('a receive filter drops frames for others before the kernel, and counts them', async () => {
    const vnet = await start('--rx-filter')
    const passing = await arriving(vnet, OTHER_HOST, GROUP, BROADCAST, OTHER_HOST, macOf(vnet))
    expect(passing).toEqual([BROADCAST.join(), macOf(vnet).join()])
    const { left, right } = await stopConserved(vnet)
    expect(right!.drops).toEqual({ tx: {}, rx: { OTHERHOST: 3 } })
    expect(right!.total).toMatchObject({ rxOtherhostDropped: 3, rxDropped: 0, rxErrors: 0 })
    expect(left!.total).toMatchObject({ txDropped: 0, txErrors: 0 })
    // The kernel never saw them.
    expect(right!.kernel).toMatchObject({
      rxPackets: right!.total.rxPackets,
      rxOtherhostDropped: 0,
    })
  })

  test('a cable has no receive filter by default', async () => {
    const vnet = await start()
    const sent = [OTHER_HOST, GROUP, BROADCAST]
    expect(await arriving(vnet, ...sent)).toEqual(sent.map(mac => mac.join()))
    await stopConserved(vnet)
  })

  test('a receive filter passes a group that a program has joined, and no other', async () => {
    const vnet = await start('--rx-filter')
    const child = join(far, 'right', '192.0.2.2', '233.252.0.77')
    await untilPasses(vnet, GROUP)
    expect(await arriving(vnet, OTHER_GROUP, GROUP)).toEqual([GROUP.join()])
    child.stdin.end()
    await untilKept(vnet, GROUP)
    await stopConserved(vnet)
  })

  test('a receive filter passes all groups if there are too many, and with all-multicast', async () => {
    // The kernel itself is in the groups of all nodes, IPv4's and IPv6's.
    const vnet = await start('--rx-filter', '--rx-filter-size', '4')
    const child = join(far, 'right', '192.0.2.2', '233.252.0.1', '233.252.0.2')
    await joined(child)
    await untilPasses(vnet, [1, 0, 0x5e, 0x7c, 0, 2])
    expect(await arriving(vnet, OTHER_GROUP, OTHER_HOST)).toEqual([])
    const third = join(far, 'right', '192.0.2.2', '233.252.0.3')
    await untilPasses(vnet, OTHER_GROUP)
    expect(await arriving(vnet, OTHER_HOST, GROUP)).toEqual([GROUP.join()])
    third.stdin.end()
    await untilKept(vnet, OTHER_GROUP)
    far.ip('link set right allmulticast on')
    await untilPasses(vnet, OTHER_GROUP)
    expect(await arriving(vnet, OTHER_HOST, GROUP)).toEqual([GROUP.join()])
    far.ip('link set right allmulticast off')
    await untilKept(vnet, OTHER_GROUP)
    await stopConserved(vnet)
  })

  test('a receive filter passes everything in promiscuous mode: `ip link`, tcpdump, a bridge', async () => {
    const vnet = await start('--rx-filter')
    far.ip('link set right promisc on')
    await untilPasses(vnet, OTHER_HOST)
    expect(await arriving(vnet, OTHER_HOST, GROUP)).toEqual([OTHER_HOST.join(), GROUP.join()])
    far.ip('link set right promisc off')
    await untilKept(vnet, OTHER_HOST)
    const tcpdump = far.spawn('tcpdump -n -i right')
    await untilPasses(vnet, OTHER_HOST)
    const over = ended(tcpdump)
    tcpdump.kill('SIGINT')
    await over
    await untilKept(vnet, OTHER_HOST)
    far.ip('link add br0 type bridge', 'link set right master br0')
    await untilPasses(vnet, OTHER_HOST)
    far.ip('link set right nomaster')
    await untilKept(vnet, OTHER_HOST)
    await stopConserved(vnet)
  })

  test('a receive filter passes everything under a macvlan, which makes the interface promiscuous without an event', async () => {
    const vnet = await start('--rx-filter')
    const third = own.addQuiet()
    far.ip(`link add mv0 link right address 02:07:07:07:07:07 type macvlan mode private`)
    far.ip(`link set mv0 netns ${third.name}`)
    third.ip('addr add 192.0.2.3/24 dev mv0', 'link set mv0 up')
    await untilPasses(vnet, [2, 7, 7, 7, 7, 7])
    await pingOnce(near, '192.0.2.3')
    third.ip('link set mv0 down')
    await untilKept(vnet, OTHER_HOST)
    await stopConserved(vnet)
  })

  test('the filter of cable --rx-filter follows the hardware address', async () => {
    const vnet = await start('--rx-filter', '-v')
    using receiver = new PacketSocket(far, 'right')
    using sender = new PacketSocket(near, 'left')
    far.ip('link set right address 02:09:09:09:09:09')
    await vnet.line(/"right: address 02:09:09:09:09:09"/)
    sender.send(to(macOf(vnet)))
    sender.send(to(OTHER_HOST))
    await receiver.until(({ octets }) => octets[1] === 9)
    expect(receiver.frames).toHaveLength(1)
    const { right } = await stopConserved(vnet)
    expect(right!.drops.rx).toEqual({ OTHERHOST: 1 })
  })

  test.each(firstOf(1, BOTH_WAYS))(
    'ARP, pings, IPv6 and TCP pass a receive filter, %s',
    async (_, offload) => {
      for (const netns of [near, far]) {
        for (const which of ['all', 'default']) {
          netns.exec(`sysctl -qw net.ipv6.conf.${which}.disable_ipv6=0`)
        }
      }
      const addresses = ['left=2001:db8::1/64', 'right=2001:db8::2/64'].flatMap(address => [
        '--address',
        address,
      ])
      const vnet = await start('--rx-filter', ...addresses, ...offload)
      const lines = await captureLines(far, 'right', 'arp')
      await pingOnce(near, '192.0.2.2')
      expect((await lines.count(2)).join('\n')).toContain(
        'Request who-has 192.0.2.2 tell 192.0.2.1',
      )
      await lines.stop()
      await pingOnce(near, '2001:db8::2')
      await pingOnce(far, '2001:db8::1')
      await pingOnce(far, '192.0.2.1')
      const { sent, received } = await tcpExchange(
        { netns: near, address: '192.0.2.1', reachedAt: '192.0.2.1' },
        { netns: far, address: '192.0.2.2', reachedAt: '192.0.2.2' },
        1 << 20,
      )
      expect(received).toEqual(sent)
      await stopConserved(vnet)
    },
  )
})
