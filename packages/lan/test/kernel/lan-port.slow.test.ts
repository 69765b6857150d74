/** The port of `vnet lan` as ip, ethtool and sysfs show it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LinkMonitor } from '#src/linux/links/monitor.ts'
import type { Link } from '#src/linux/rtnetlink.ts'
import { IFF_UP } from '#src/netdev/if.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { spawnLan, startLan, stopLan, sysfs } from '#support/lan-program.ts'
import { type Netns, outcome } from '#support/netns.ts'
import { runMain } from '#support/run-main.ts'
import {
  hasCarrier,
  hasNoCarrier,
  isDown,
  type ShownLink,
  untilShown,
} from '#support/shown-link.ts'
import { pingAll } from '#support/traffic.ts'

const NEVER = '3600000'

const { own, near, far, directory: dir } = freshNamespaces('near', 'far')

const until = (is: (link: ShownLink) => boolean, netns = near, name = 'eth9') =>
  untilShown(own, netns, name, is)
const detail = (netns = near, name = 'eth9') => JSON.parse(netns.ip(`-d -j link show ${name}`))[0]
const speed = () => sysfs(near, 'eth9', 'speed', 'duplex')
const routes = (netns = near) => JSON.parse(netns.ip('-j -4 route show default'))

describe('with a carrier', () => {
  test('ip shows an Ethernet port that is up, with one queue in each direction', async () => {
    const vnet = await spawnLan(near, 'eth9', '--negotiation', '0', '--mac', '00:1b:21:0a:0b:0c')
    await until(hasCarrier)
    const link = detail()
    expect(link).toMatchObject({
      link_type: 'ether',
      address: '00:1b:21:0a:0b:0c',
      broadcast: 'ff:ff:ff:ff:ff:ff',
      mtu: 1500,
      min_mtu: 68,
      txqlen: 1000,
      num_tx_queues: 1,
      num_rx_queues: 1,
      promiscuity: 0,
      operstate: 'UP',
      linkmode: 'DEFAULT',
      group: 'default',
    })
    expect(link.flags.toSorted()).toEqual(['BROADCAST', 'LOWER_UP', 'MULTICAST', 'UP'])
    await stopLan(vnet)
  })

  test('sysfs shows the same as for a port of a card, except for the source of the address', async () => {
    const vnet = await startLan(near, 'eth9', '--negotiation', '0')
    await until(hasCarrier)
    const said = {
      type: '1',
      addr_len: '6',
      flags: '0x1003',
      operstate: 'up',
      carrier: '1',
      dormant: '0',
      testing: '0',
      link_mode: '0',
      speed: '1000',
      duplex: 'full',
      mtu: '1500',
      tx_queue_len: '1000',
      netdev_group: '0',
      carrier_up_count: '1',
      dev_id: '0x0',
      dev_port: '0',
      broadcast: 'ff:ff:ff:ff:ff:ff',
      // NET_ADDR_SET: a card has 0, which a TAP cannot have.
      addr_assign_type: '3',
    }
    const files = Object.keys(said)
    expect(
      Object.fromEntries(sysfs(near, 'eth9', ...files).map((text, i) => [files[i], text])),
    ).toEqual(said)
    expect(near.exec('ls /sys/class/net/eth9/queues').trim().split('\n')).toEqual(['rx-0', 'tx-0'])
    await stopLan(vnet)
  })

  test.each([
    [
      1000,
      [
        'Speed: 1000Mb/s',
        'Duplex: Full',
        'Auto-negotiation: on',
        'Port: Twisted Pair',
        'MDI-X: off (auto)',
      ],
    ],
    [
      100,
      [
        'Speed: 100Mb/s',
        'Duplex: Full',
        'Auto-negotiation: on',
        'Port: Twisted Pair',
        'MDI-X: off (auto)',
      ],
    ],
    [25_000, ['Speed: 25000Mb/s', 'Duplex: Full', 'Auto-negotiation: off', 'Port: FIBRE']],
  ] as const)('ethtool shows a link of %i Mbit/s', async (mbits, expected) => {
    const vnet = await startLan(near, 'eth9', '--negotiation', '0', '--speed', `${mbits}`)
    await until(hasCarrier)
    const shown = near
      .exec('ethtool eth9')
      .split('\n')
      .map(line => line.trim())
    expect(shown).toEqual(expect.arrayContaining([...expected, 'Link detected: yes']))
    expect(sysfs(near, 'eth9', 'speed')).toEqual([`${mbits}`])
    await stopLan(vnet)
  })

  test('ethtool shows the offloads of a card, and turns them off', async () => {
    const vnet = await startLan(near, 'eth9', '--negotiation', '0')
    await until(hasCarrier)
    const features = () => near.exec('ethtool -k eth9')
    for (const feature of ['tx-checksumming', 'scatter-gather', 'tcp-segmentation-offload']) {
      expect(features()).toMatch(new RegExp(`^${feature}: on`, 'm'))
    }
    expect(features()).toMatch(/^generic-receive-offload: on/m)
    near.exec('ethtool -K eth9 tso off tx off')
    expect(features()).toMatch(/^tcp-segmentation-offload: off/m)
    near.ip('addr add 198.18.0.50/24 dev eth9')
    await pingAll(near, '-c 2 -i 0.02 -s 4000 198.18.0.1')
    await stopLan(vnet)
  })

  test('the counters of the kernel and of vnet are the same, and increase', async () => {
    const vnet = await startLan(near, 'eth9', '--negotiation', '0')
    await until(hasCarrier)
    near.ip('addr add 198.18.0.50/24 dev eth9')
    await pingAll(near, '-c 5 -i 0.02 198.18.0.1')
    const names = ['tx_packets', 'tx_bytes', 'rx_packets', 'rx_bytes']
    const files = names.map(name => `statistics/${name}`)
    const total = async () => {
      const { stdout } = await runMain('stats', `${near.name}/eth9`, '--json')
      const [{ interfaces }] = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      const { txPackets, txBytes, rxPackets, rxBytes } = interfaces[0].total
      return [txPackets, txBytes, rxPackets, rxBytes].map(String)
    }
    let before: string[]
    let found: string[]
    // The kernel sends frames by itself too.
    do {
      before = sysfs(near, 'eth9', ...files)
      found = await total()
    } while (before.join() !== sysfs(near, 'eth9', ...files).join())
    expect(found).toEqual(before)
    for (const text of found) {
      expect(Number(text)).toBeGreaterThanOrEqual(6)
    }
    await stopLan(vnet)
  })
})

describe('the carrier', () => {
  test('the carrier is absent from the first moment, and comes with the speed when the link is negotiated', async () => {
    const told: boolean[] = []
    const nothing = { onAddress() {}, onOverrun() {}, onNsidGone() {} }
    // sysfs shows no carrier of an interface that is down.
    const onLink = (_: number, { name, flags, carrier }: Link) => {
      if (name === 'eth9' && (flags & IFF_UP) !== 0) {
        told.push(carrier)
      }
    }
    using _ = new LinkMonitor(own.at(near), { ...nothing, onLink })
    const vnet = await startLan(near, 'eth9', '--negotiation', '100')
    await until(hasCarrier)
    while (!told.includes(true)) {
      await setImmediate()
    }
    expect(told[0]).toBe(false)
    expect(sysfs(near, 'eth9', 'carrier_up_count')).toEqual(['1'])
    expect(speed()).toEqual(['1000', 'full'])
    await stopLan(vnet)
  })

  test('the carrier is off and the speed is unknown while the link negotiates', async () => {
    const vnet = await startLan(near, 'eth9', '--negotiation', NEVER)
    await until(hasNoCarrier)
    expect(sysfs(near, 'eth9', 'carrier', 'operstate', 'carrier_up_count')).toEqual([
      '0',
      'down',
      '0',
    ])
    expect(speed()).toEqual(['-1', 'unknown'])
    const text = near.exec('ethtool eth9')
    expect(text).toMatch(/Supported link modes: +10baseT\/Half/)
    expect(text).toMatch(/Speed: Unknown!\n\tDuplex: Unknown! \(255\)\n\tAuto-negotiation: on\n/)
    expect(text).toMatch(/Link detected: no/)
    expect(text).not.toContain('Link partner')
    await stopLan(vnet)
  })

  test('flaps and link changes interrupt the carrier, are counted, and keep the speed', async () => {
    const vnet = await startLan(near, 'eth9', '--negotiation', '50')
    await until(hasCarrier)
    near.ip('addr add 198.18.0.50/24 dev eth9')
    const counts = () => sysfs(near, 'eth9', 'carrier_up_count', 'carrier_down_count').map(Number)
    const [up = 0, down = 0] = counts()
    for (let turn = 1; turn <= 3; turn++) {
      expect(await runMain('trigger', `${near.name}/eth9`, 'flap')).toMatchObject({
        status: 0,
        stderr: '',
      })
      // The carrier may be gone for less time than a look at it takes.
      await until(link => hasCarrier(link) && counts().join() === [up + turn, down + turn].join())
      expect(speed()).toEqual(['1000', 'full'])
    }
    await pingAll(near, '-c 2 -i 0.02 198.18.0.1')
    near.ip('link set eth9 down')
    await until(isDown)
    near.ip('link set eth9 up')
    await until(hasCarrier)
    expect(speed()).toEqual(['1000', 'full'])
    await pingAll(near, '-c 2 -i 0.02 198.18.0.1')
    await stopLan(vnet)
  })

  test('a port whose carrier is turned off by hand has no speed', async () => {
    const vnet = await startLan(near, 'eth9', '--negotiation', '0')
    await until(hasCarrier)
    await runMain('carrier', `${near.name}/eth9`, 'off')
    await until(hasNoCarrier)
    expect(speed()).toEqual(['-1', 'unknown'])
    await runMain('carrier', `${near.name}/eth9`, 'on')
    await until(hasCarrier)
    expect(speed()).toEqual(['1000', 'full'])
    await stopLan(vnet)
  })
})

describe('the hardware address', () => {
  async function address(netns: Netns, ...args: string[]): Promise<string[]> {
    const vnet = await startLan(netns, ...args, '--negotiation', NEVER)
    const found = vnet.interfaces().map(({ mac }) => mac)
    await stopLan(vnet)
    return found
  }

  test('the MAC address of a name is the same at each start', async () => {
    const [first] = await address(near, 'eth9')
    expect(first).toMatch(/^.[26ae]:/)
    expect(await address(far, 'eth9')).toEqual([first])
    expect(await address(near, 'eth8')).not.toEqual([first])
    // eth0 is what eth%d becomes.
    expect(await address(near)).toEqual(await address(near, 'eth0'))
  })

  test('--oui sets the first bytes of the MAC address, --mac all of it', async () => {
    expect(await address(near, 'eth9', '--oui', '00:1b:21')).toEqual([
      expect.stringMatching(/^00:1b:21:/),
    ])
    expect(await address(near, 'eth9', '--mac', '3c:52:82:00:00:07')).toEqual(['3c:52:82:00:00:07'])
  })

  test('the ports of a segment have different MAC addresses, even of the same name', async () => {
    const one = await address(near, `${near.name}/eth9`, `${far.name}/eth9`)
    expect(new Set(one).size).toBe(2)
    expect(await address(near, `${near.name}/eth9`, `${far.name}/eth9`)).toEqual(one)
    expect(new Set(await address(near, 'eth%d', 'eth%d', 'eth%d')).size).toBe(3)
  })
})

/** Sends a burst of datagrams to echo, and returns the seconds from the first reply to the last. */
const ECHO = `
import socket, sys, time
count, size = map(int, sys.argv[1:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
s.settimeout(20)
s.connect(('198.18.0.1', 7))
s.send(b'x')
s.recv(9000)
begun = time.monotonic()
for i in range(count): s.send(i.to_bytes(4, 'big') + bytes(size - 4))
last = [int.from_bytes(s.recv(9000)[:4], 'big') for _ in range(count)]
print(time.monotonic() - begun, last == list(range(count)))
`

test('a rate limit holds the speed, and drops no frame for which the port has room', async () => {
  const vnet = await startLan(near, 'eth9', '--negotiation', '0', '--speed', '10', '--rate-limit')
  await until(hasCarrier)
  near.ip('addr add 198.18.0.50/24 dev eth9')
  const [count, size] = [400, 1400]
  const { stdout, stderr } = await outcome(
    near.spawn(['python3', '-c', ECHO, `${count}`, `${size}`]),
  )
  expect(stderr).toBe('')
  const [seconds, inOrder] = stdout.trim().split(' ')
  expect(inOrder).toBe('True')
  // Ethernet, IP, UDP; preamble, check sequence, gap. A line may be ahead by a millisecond.
  const bits = (count - 2) * (size + 14 + 20 + 8 + 24) * 8
  expect(bits / (Number(seconds) + 0.002)).toBeLessThan(10e6)
  await stopLan(vnet)
})

describe('--default-route', () => {
  const via = (gateway: string, dev = 'eth9') => ({
    dst: 'default',
    gateway,
    dev,
    flags: ['onlink'],
  })

  test('--default-route exists when vnet is ready, with or without --address, and ends with it', async () => {
    for (const [args, source] of [
      [['--address', '198.18.0.50/24'], 'src 198.18.0.50'],
      [[], ''],
    ] as const) {
      const vnet = await startLan(near, 'eth9', '--negotiation', '0', '--default-route', ...args)
      await until(hasCarrier)
      expect(routes()).toMatchObject([via('198.18.0.1')])
      expect(near.ip('route get 203.0.113.9')).toMatch(
        `203.0.113.9 via 198.18.0.1 dev eth9 ${source}`,
      )
      await stopLan(vnet)
      expect(routes()).toEqual([])
    }
  })

  test('--default-route is preferred to a route without a metric, which is in use again at the end', async () => {
    near.ip(
      'link add other type veth peer name other1',
      'addr add 192.0.2.2/24 dev other',
      'link set other up',
    )
    near.ip('route add default via 192.0.2.1 dev other')
    const vnet = await startLan(
      near,
      'eth9',
      '--negotiation',
      '0',
      '--default-route',
      '--address',
      '198.18.0.50/24',
    )
    await until(hasCarrier)
    expect(near.ip('route get 203.0.113.9')).toContain('dev eth9 src 198.18.0.50')
    await stopLan(vnet)
    expect(near.ip('route get 203.0.113.9')).toContain('dev other src 192.0.2.2')
  })

  test('--default-route returns after the link was down, and follows the gateway of a reloaded file', async () => {
    const config = join(dir, 'lan.yaml')
    writeFileSync(config, 'gateway: { ip: 198.18.0.3 }\n')
    // The route is added before there is a carrier.
    const vnet = await startLan(
      near,
      'eth9',
      '--negotiation',
      '50',
      '--default-route',
      '--config',
      config,
    )
    await until(hasCarrier)
    expect(routes()).toMatchObject([via('198.18.0.3')])
    near.ip('link set eth9 down')
    expect(routes()).toEqual([])
    // Only then has the port no carrier that a look could take for the new one.
    await vnet.line(/"eth9: device closed"/)
    near.ip('link set eth9 up')
    await until(hasCarrier)
    expect(routes()).toMatchObject([via('198.18.0.3')])
    writeFileSync(config, 'gateway: { ip: 198.18.0.4 }\n')
    vnet.hangUp()
    await vnet.line(/configuration read again/)
    expect(routes()).toMatchObject([via('198.18.0.4')])
    await stopLan(vnet)
  })

  test('--default-route applies to the first port in each namespace', async () => {
    const args = [
      'eth8',
      `${near.name}/eth9`,
      `${far.name}/eth9`,
      '--negotiation',
      '0',
      '--default-route',
    ]
    const vnet = await startLan(own.add(), ...args)
    await until(hasCarrier, near)
    await until(hasCarrier, far)
    expect(routes(near)).toMatchObject([via('198.18.0.1')])
    expect(routes(far)).toMatchObject([via('198.18.0.1')])
    await stopLan(vnet)
  })

  test('--default-route is removed from an interface that persists; a later run sets its own speed', async () => {
    const first = await startLan(near, 'eth9', '--negotiation', '0', '--default-route', '--persist')
    await until(hasCarrier)
    expect(routes()).toMatchObject([via('198.18.0.1')])
    await stopLan(first)
    expect(detail().linkinfo.info_data).toMatchObject({ persist: true })
    expect(routes()).toEqual([])
    const later = await startLan(
      near,
      'eth9',
      '--negotiation',
      '100',
      '--default-route',
      '--speed',
      '2500',
    )
    await until(hasCarrier)
    expect(speed()).toEqual(['2500', 'full'])
    expect(routes()).toMatchObject([via('198.18.0.1')])
    await stopLan(later)
  })
})
