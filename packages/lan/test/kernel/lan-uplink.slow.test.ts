/** `vnet lan --uplink`: real hosts on veth pairs and a bridge, with simulated ones. */
import { copyFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { LOGLEVEL_INFO, Log } from '#src/base/log.ts'
import type { Work } from '#src/base/turns.ts'
import { MemoryPlatform } from '#src/bed/memory-port.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { Net } from '#src/netdev/net.ts'
import { SKB_DROP_REASON_PKT_TOO_BIG } from '#src/skb/drop-reason.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { addAddresses } from '#support/lan-program.ts'
import type { Netns } from '#support/netns.ts'
import { openFiles } from '#support/open-files.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { runMain } from '#support/run-main.ts'
import { firstOf } from '#support/scale.ts'
import { hasCarrier, shownLink, untilFound, untilShown } from '#support/shown-link.ts'
import { type End, tcpExchange } from '#support/sockets.ts'
import { pingAll } from '#support/traffic.ts'
import { BOTH_WAYS, jsonLines, type Running, startVnet } from '#support/vnet-process.ts'
import { Segment, type Station } from '../../src/switch/segment.ts'
import type { Uplink } from '../../src/uplink/uplink.ts'
import { openUplink } from '../../src/uplink/uplink.ts'

const SUPPORT = resolve(import.meta.dirname, '../support')

/** The namespaces of the port, of the uplink's interface, and of the hosts on its far side. */
const { own, near, mid, far } = freshNamespaces('near', 'mid', 'far')

/** Creates a veth pair: `name` in mid, without addresses and silent, and `eth0` up in `netns`. */
function cable(name: string, netns: Netns, index?: number): void {
  mid.exec('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1')
  mid.ip(
    `link add ${name}${index === undefined ? '' : ` index ${index}`} type veth peer name eth0 netns ${netns.name}`,
  )
  mid.ip(`link set ${name} up`)
  netns.ip('link set eth0 up')
}

/** Starts a run with an uplink, waits for the carrier of the port, and adds .50 and ::50 to it. */
async function start(uplink: string, ...args: string[]): Promise<Running> {
  const options = ['--json', '--negotiation', '0', '--hosts', '8', '--uplink', uplink]
  const vnet = await startVnet(['lan', `${near.name}/eth9`, ...options, ...args])
  await untilShown(own, near, 'eth9', hasCarrier)
  await addAddresses(near, 'eth9', 50)
  return vnet
}

/** Stops a run, which must succeed, and returns its log lines about the uplink. */
async function stop(vnet: Running): Promise<string[]> {
  const { status, stdout, stderr } = await vnet.stop()
  expect([status, stderr]).toEqual([0, ''])
  const lines = jsonLines(stdout)
  expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  return lines.map(({ message }) => String(message)).filter(text => text.startsWith('uplink'))
}

const end = (netns: Netns, octet: number): End => ({
  netns,
  address: `198.18.0.${octet}`,
  reachedAt: `198.18.0.${octet}`,
})

const WAYS: readonly (readonly [string, readonly string[]])[] = [
  ...BOTH_WAYS,
  ['with GRO', ['--gro']],
]

describe.each(firstOf(1, WAYS))('%s on the port', (_, options) => {
  test('a host on the uplink, the simulated hosts and the machine with the port reach each other', async () => {
    cable('veth0', far)
    await addAddresses(far, 'eth0', 60)
    const vnet = await start(`${mid.name}/veth0`, ...options)
    for (const to of [
      '198.18.0.1',
      '198.18.0.5',
      '198.18.0.50',
      '2001:db8:0:1::5',
      '2001:db8:0:1::50',
    ]) {
      await pingAll(far, `-c 3 -i 0.02 ${to}`)
      await pingAll(far, `-c 2 -i 0.02 -s 5000 ${to}`)
    }
    for (const to of ['198.18.0.60', '2001:db8:0:1::60']) {
      await pingAll(near, `-c 3 -i 0.02 ${to}`)
    }
    await stop(vnet)
  })

  test('TCP passes unchanged in both directions, in the largest frames that both ends support', async () => {
    cable('veth0', far)
    await addAddresses(far, 'eth0', 60)
    const vnet = await start(`${mid.name}/veth0`, ...options)
    using seen = new PacketSocket(far, 'eth0', { vnetHdr: true, outgoing: true })
    for (const [client, server] of [
      [end(near, 50), end(far, 60)],
      [end(far, 60), end(near, 50)],
    ] as const) {
      const { sent, received } = await tcpExchange(client, server, 4_000_000)
      expect(received).toEqual(sent)
    }
    expect(seen.lost()).toBe(0)
    const mac = shownLink(far, 'eth0').address
    const isFrom = (octets: Uint8Array) =>
      Buffer.from(octets.subarray(6, 12)).toString('hex') === mac.replaceAll(':', '')
    const large = seen.frames.filter(({ gsoSize }) => gsoSize > 0)
    expect(large.some(({ octets }) => isFrom(octets))).toBe(true)
    expect(large.some(({ octets }) => !isFrom(octets))).toBe(!options.includes('--no-offload'))
    await stop(vnet)
  })

  test('TCP of a simulated host serves a host on the uplink', async () => {
    cable('veth0', far)
    await addAddresses(far, 'eth0', 60)
    const vnet = await start(`${mid.name}/veth0`, ...options)
    const script = `
import socket, threading, hashlib, os
s = socket.create_connection(('198.18.0.5', 7), 10)
data = os.urandom(1000000)
threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
got = b''
while part := s.recv(65536): got += part
print(got == data)`
    const { stdout, stderr } = await runPython(far, script)
    expect([stdout, stderr]).toEqual(['True\n', ''])
    await stop(vnet)
  })
})

async function runPython(
  netns: Netns,
  script: string,
): Promise<{ stdout: string; stderr: string }> {
  const child = netns.spawn(['python3', '-c', script])
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  await new Promise(closed => child.on('close', closed))
  return { stdout, stderr }
}

test('a host on the uplink gets a lease, name servers and an address of the prefix from the segment', async () => {
  const dir = testDirectory()
  copyFileSync(`${SUPPORT}/dhcp-script.sh`, `${dir}/dhcp-script.sh`)
  cable('veth0', far)
  const vnet = await start(`${mid.name}/veth0`)
  const client = [
    'udhcpc',
    '-f',
    '-q',
    '-n',
    '-T',
    '1',
    '-t',
    '20',
    '-i',
    'eth0',
    '-s',
    `${dir}/dhcp-script.sh`,
  ]
  const { status, stderr } = await far.run([`${SUPPORT}/dhcp-client.sh`, dir, ...client].join(' '))
  expect([status, stderr]).toEqual([
    0,
    expect.stringMatching(/lease of 198\.18\.0\.1\d\d obtained/),
  ])
  await vnet.line(/DHCPACK.* 198\.18\.0\.1\d\d /)
  const { stdout } = await far.run('dig +short +tries=3 @198.18.0.1 host4.lan A')
  expect(stdout).toBe('198.18.0.5\n')
  await untilFound(own, far, () => {
    const shown = far.ip('addr show eth0')
    return /inet6 2001:db8:0:1:[0-9a-f:]+\/64 scope global dynamic/.test(shown) ? shown : undefined
  })
  await stop(vnet)
})

test('hosts at the ports of a bridge reach the segment and each other', async () => {
  const other = own.add()
  mid.ip('link add br0 type bridge')
  mid.exec('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1')
  mid.ip('link set br0 up')
  for (const [name, netns, octet] of [
    ['veth0', far, 60],
    ['veth1', other, 61],
  ] as const) {
    cable(name, netns)
    mid.ip(`link set ${name} master br0`)
    await addAddresses(netns, 'eth0', octet)
  }
  const vnet = await start(`${mid.name}/br0`)
  for (const netns of [far, other]) {
    for (const to of ['198.18.0.5', '198.18.0.50', '2001:db8:0:1::5']) {
      await pingAll(netns, `-c 3 -i 0.02 ${to}`)
    }
  }
  await pingAll(far, '-c 3 -i 0.02 198.18.0.61')
  await pingAll(near, '-c 3 -i 0.02 198.18.0.61')
  const { sent, received } = await tcpExchange(end(other, 61), end(near, 50), 2_000_000)
  expect(received).toEqual(sent)
  await stop(vnet)
})

describe('an interface that', () => {
  test.each([
    ['goes down', () => mid, 'veth0'],
    ['loses its carrier', () => far, 'eth0'],
  ] as const)(
    'an uplink whose interface %s is detached until it is up again',
    async (_, where, name) => {
      cable('veth0', far)
      await addAddresses(far, 'eth0', 60)
      const vnet = await start(`${mid.name}/veth0`)
      await pingAll(far, '-c 2 -i 0.02 198.18.0.5')
      where().ip(`link set ${name} down`)
      await vnet.line(/uplink .*link is down/)
      await pingAll(near, '-c 2 -i 0.02 198.18.0.5')
      where().ip(`link set ${name} up`)
      // Frames may pass before vnet has read of the carrier.
      await vnet.line(/uplink .*link is up/, 2)
      await pingAll(far, '-c 2 -i 0.02 198.18.0.5')
      const said = (await stop(vnet)).map(text =>
        text.replace(/^uplink .*: (?=link)|.*: (?=rx)/, ''),
      )
      expect(said).toEqual([
        'link is up',
        'link is down',
        'link is up',
        expect.stringMatching(/^rx \d+ frames/),
      ])
    },
  )

  test('an uplink with an interface that starts down is attached when it is up', async () => {
    cable('veth0', far)
    await addAddresses(far, 'eth0', 60)
    mid.ip('link set veth0 down')
    const vnet = await start(`${mid.name}/veth0`)
    await vnet.line(/uplink .*link is down/)
    mid.ip('link set veth0 up')
    await vnet.line(/uplink .*link is up/)
    await pingAll(far, '-c 2 -i 0.02 198.18.0.5')
    await stop(vnet)
  })

  test.each([
    ['is deleted', () => mid.ip('link del veth0')],
    ['moves to another namespace', () => mid.ip(`link set veth0 netns ${near.name}`)],
  ])('an uplink whose interface %s is logged as gone, and the segment continues', async (_, go) => {
    cable('veth0', far)
    const vnet = await start(`${mid.name}/veth0`)
    go()
    await vnet.line(/uplink .*\/veth0: the interface is gone/)
    await pingAll(near, '-c 2 -i 0.02 198.18.0.5')
    const said = await stop(vnet)
    // The interface goes down before it is deleted.
    expect(said.slice(-2)).toEqual([
      expect.stringContaining('is gone'),
      expect.stringMatching(/: rx \d+ frames/),
    ])
    expect(said.filter(text => /gone|rx/.test(text)).length).toBe(2)
  })

  test('the interface of an uplink ends with its namespace', async () => {
    cable('veth0', far)
    const vnet = await start(`${mid.name}/veth0`)
    mid.release()
    mid.remove()
    await vnet.line(/uplink .*\/veth0: the interface is gone/)
    // The other end: a namespace without references ends with its interfaces.
    await expect.poll(() => far.ip('-br link')).not.toContain('eth0')
    await pingAll(near, '-c 2 -i 0.02 198.18.0.5')
    await stop(vnet)
  })

  test('an interface that is renamed is still the uplink', async () => {
    cable('veth0', far)
    await addAddresses(far, 'eth0', 60)
    const vnet = await start(`${mid.name}/veth0`)
    mid.ip('link set veth0 name other0')
    await pingAll(far, '-c 2 -i 0.02 198.18.0.5')
    expect((await stop(vnet)).length).toBe(2)
  })

  test('an interface of the same index in a peer namespace is not mistaken for the uplink', async () => {
    cable('veth0', far, 777)
    await addAddresses(far, 'eth0', 60)
    const vnet = await start(`${mid.name}/veth0`)
    far.ip('link add br7 index 777 type bridge', 'link del br7')
    await pingAll(far, '-c 2 -i 0.02 198.18.0.5')
    expect((await stop(vnet)).length).toBe(2)
  })
})

describe('an uplink in a namespace that has no such interface', () => {
  test('an uplink that does not exist in its namespace is a port there, with a MAC address of its own', async () => {
    const vnet = await start(`${far.name}/eth9`)
    await untilShown(own, far, 'eth9', hasCarrier)
    await addAddresses(far, 'eth9', 60)
    expect(vnet.interfaces().map(({ name, netns }) => [name, netns])).toEqual([
      ['eth9', near.name],
      ['eth9', far.name],
    ])
    expect(shownLink(near, 'eth9').address).not.toBe(shownLink(far, 'eth9').address)
    for (const to of ['198.18.0.5', '198.18.0.50']) {
      await pingAll(far, `-c 2 -i 0.02 ${to}`)
    }
    await stop(vnet)
  })

  test('an uplink port that persists is a port again in a later run, and --delete removes it', async () => {
    const options = ['--json', '--negotiation', '0', '--persist', '--uplink', `${far.name}/eth9`]
    const run = () => startVnet(['lan', `${near.name}/eth9`, ...options])
    for (let i = 0; i < 2; i++) {
      const vnet = await run()
      expect(vnet.interfaces().length).toBe(2)
      await vnet.stop()
    }
    const args = ['lan', `${near.name}/eth9`, '--uplink', `${far.name}/eth9`]
    expect(await runMain(...args, '--persist', '--delete')).toMatchObject({ status: 2 })
    expect(await runMain(...args, '--delete')).toMatchObject({ status: 0, stderr: '' })
    for (const netns of [near, far]) {
      expect(netns.ip('-br link')).not.toContain('eth9')
    }
  })
})

describe('an invalid uplink', () => {
  const refused = async (uplink: string, port = `${near.name}/eth9`) => {
    const { status, stderr } = await runMain('lan', port, '--uplink', uplink)
    expect(stderr.trim().split('\n').length).toBe(1)
    return [status, stderr.trim()]
  }

  test('an uplink that is a port of the segment is rejected in one line', async () => {
    const port = `${near.name}/eth9`
    expect(await refused(port)).toEqual([
      2,
      expect.stringContaining('is a port of the segment itself: name another'),
    ])
    expect(await refused('eth9', 'eth9')).toEqual([
      2,
      expect.stringContaining('is a port of the segment itself'),
    ])
    const { status, stderr } = await runMain('lan', 'eth9', '--netns', near.name, '--uplink', port)
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('two interfaces cannot both be called eth9'),
    ])
  })

  test('an uplink that does not exist or is not Ethernet is rejected in one line', async () => {
    expect(await refused('vnet-none')).toEqual([
      1,
      expect.stringMatching(/uplink vnet-none: there is no such interface: .*NETNS\/IF/),
    ])
    expect(await refused(`${mid.name}/lo`)).toEqual([
      2,
      expect.stringContaining('not an Ethernet interface'),
    ])
    expect(await refused('no-such-netns/eth0')).toEqual([
      1,
      expect.stringContaining('no such network namespace'),
    ])
  })
})

describe('every frame', () => {
  const MACS = { behind: [2, 0, 0, 0, 0, 1], near: [2, 0, 0, 0, 0, 2] }
  const frame = (
    to: readonly number[],
    from: readonly number[],
    length = 60,
    type = [0x88, 0xb5],
  ) => {
    const octets = new Uint8Array(length)
    octets.set([...to, ...from, ...type])
    return octets
  }

  /** An uplink in this process, on a segment with a port that counts its frames. */
  async function joined(
    run: (bed: { net: Net; segment: Segment; uplink: Uplink; port: CountingPort }) => Promise<void>,
  ) {
    far.exec('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1')
    cable('veth0', far)
    const { native } = own
    await using clock = new TimerfdClock(native)
    const net = new Net({
      platform: new MemoryPlatform(),
      clock,
      log: new Log(LOGLEVEL_INFO, () => {}),
    })
    const before = sockets()
    const segment = new Segment({ clock: net.clock })
    const port = new CountingPort()
    segment.attach(port)
    using uplink = openUplink(native, net, `${mid.name}/veth0`) as Uplink
    uplink.join(segment)
    await run({ net, segment, uplink, port })
    uplink.close()
    expect([net.pool.out, sockets()]).toEqual([0, before])
  }

  test('every frame that an uplink receives enters the segment, and every other is sent or dropped with a reason', async () => {
    await joined(async ({ net, segment, uplink, port }) => {
      using outside = new PacketSocket(far, 'eth0')
      for (let i = 0; i < 500; i++) {
        outside.send(frame(MACS.near, MACS.behind))
      }
      await port.count(500)
      for (let i = 0; i < 500; i++) {
        const skb = net.pool.alloc(2000)
        if (skb === undefined) throw new Error('no slot')
        const octets = frame(MACS.behind, MACS.near, i % 10 === 9 ? 1800 : 60)
        octets[14] = i === 499 ? 1 : 0
        skb.bytes.set(octets, skb.put(octets.length))
        segment.send(skb, port)
        if (i % 100 === 99) {
          await new Promise(resolve => setImmediate(resolve))
        }
      }
      const last = frame(MACS.behind, MACS.near)
      last[20] = 7
      const skb = net.pool.alloc(60)
      skb?.bytes.set(last, skb.put(60))
      if (skb !== undefined) {
        segment.send(skb, port)
      }
      await outside.until(({ octets }) => octets[20] === 7)
      expect(outside.frames.length).toBe(451)
      expect(uplink.stats).toMatchObject({ rxPackets: 500, txPackets: 451, dropped: 50 })
      expect(uplink.drops[SKB_DROP_REASON_PKT_TOO_BIG]).toBe(50)
      expect([uplink.held, uplink.missed]).toEqual([0, 0])
      expect(segment.stats).toEqual({ in: 1001, made: 0, out: 1001, taken: 0, dropped: 0, held: 0 })
    })
  })

  test('frames that the machine itself sends through the interface do not enter the segment', async () => {
    await joined(async ({ port }) => {
      using outside = new PacketSocket(far, 'eth0')
      using host = new PacketSocket(mid, 'veth0')
      host.send(frame(MACS.near, MACS.behind, 61))
      await outside.until(({ octets }) => octets.length === 61)
      outside.send(frame(MACS.near, MACS.behind, 62))
      await port.count(1)
      expect(port.lengths).toEqual([62])
    })
  })

  test('a VLAN frame does not enter the segment, and a priority-tagged frame enters without its tag', async () => {
    await joined(async ({ uplink, port }) => {
      using outside = new PacketSocket(far, 'eth0')
      const tagged = (tci: number) =>
        frame(MACS.near, MACS.behind, 60, [0x81, 0, tci >> 8, tci & 255, 0x88, 0xb5])
      outside.send(tagged(0x0007))
      outside.send(tagged(0xe007))
      outside.send(tagged(0xe000))
      outside.send(frame(MACS.near, MACS.behind, 61))
      await port.count(2)
      expect([port.lengths, uplink.stats.rxPackets]).toEqual([[56, 61], 2])
    })
  })

  test('events of an uplink’s interface are read in the vnet’s time for work without rights', async () => {
    await joined(async ({ net }) => {
      const work = await new Promise<Work>(resolve => {
        vi.spyOn(net.turns, 'addNow').mockImplementation(resolve)
        mid.ip('link set veth0 down')
      })
      expect(work).toMatchObject({ share: 'events', privileged: false })
    })
  })
})

/** Returns the sockets of this process. */
function sockets(): number {
  return openFiles('/proc/self/fd').filter(file => file.startsWith('socket:')).length
}

class CountingPort implements Station {
  readonly lengths: number[] = []
  #wake = () => {}

  receive(skb: Parameters<Station['receive']>[0]): void {
    this.lengths.push(skb.len)
    skb.free()
    this.#wake()
  }

  async count(n: number): Promise<void> {
    while (this.lengths.length < n) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}
