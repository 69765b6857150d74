/** Attachments to each kind of interface. Ports of bridges are in attach.test.ts. */
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openTap } from '#src/linux/tap/open.ts'
import { type AttachOptions, attach, type Cable } from '#src/wire.ts'
import { expectConserved, makeVeth, NEVER_OPEN } from '#support/attach.ts'
import { ethernet } from '#support/frames.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { type Netns, outcome } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { tcpExchange } from '#support/sockets.ts'
import { pingAll } from '#support/traffic.ts'
import { PROGRAM } from '#support/vnet-process.ts'

const MIB = 1 << 20

const { near, far } = freshNamespaces('near', 'far')
let links: Cable[]

beforeEach(() => {
  links = []
})
afterEach(async () => {
  for (const link of links) {
    await link.close()
  }
})

async function join(name: string, options: AttachOptions = {}): Promise<Cable> {
  const link = await attach(name, {
    netns: near.name,
    in: 'delay 1ms',
    out: 'delay 1ms',
    seed: 7,
    ...NEVER_OPEN,
    ...options,
  })
  links.push(link)
  return link
}

/** Sends TCP and pings between both ends, then ends the attachment, which `near` has. */
async function expectTraffic(link: Cable, nearAddress: string, farAddress: string): Promise<void> {
  await pingAll(far, `-c 2 -i 0.05 ${nearAddress}`)
  const end = (netns: Netns, address: string) => ({ netns, address, reachedAt: address })
  const { sent, received } = await tcpExchange(end(near, nearAddress), end(far, farAddress), MIB)
  expect(received).toEqual(sent)
  expect(link.ab.report()[0]!.out).toBeGreaterThan(10)
  expect(link.ba.report()[0]!.out).toBeGreaterThan(10)
  expectConserved(link)
  await link.close()
  await pingAll(far, `-c 1 ${nearAddress}`)
}

describe('TCP and pings pass an attachment to', () => {
  test('a veth', async () => {
    makeVeth(near, far)
    await expectTraffic(await join('inner'), '192.0.2.1', '192.0.2.2')
  })

  test('a veth with IPv6', async () => {
    makeVeth(near, far)
    near.ip('addr add 2001:db8::1/64 dev inner nodad')
    far.ip('addr add 2001:db8::2/64 dev outer nodad')
    await expectTraffic(await join('inner'), '2001:db8::1', '2001:db8::2')
  })

  test('a macvlan', async () => {
    makeVeth(near, far)
    near.ip(
      'addr del 192.0.2.1/24 dev inner',
      'link add macvlan0 link inner type macvlan mode bridge',
    )
    near.ip('addr add 192.0.2.1/24 dev macvlan0', 'link set macvlan0 up')
    await expectTraffic(await join('macvlan0'), '192.0.2.1', '192.0.2.2')
  })

  test('a bridge and its port at the same time', async () => {
    makeVeth(near, far)
    near.ip(
      'link add bridge type bridge',
      'addr del 192.0.2.1/24 dev inner',
      'link set inner master bridge',
    )
    near.ip('addr add 192.0.2.1/24 dev bridge', 'link set bridge up')
    const port = await join('inner')
    await expectTraffic(await join('bridge'), '192.0.2.1', '192.0.2.2')
    expectConserved(port)
  })
})

test('frames pass an attachment to the TAP of another program in both directions', async () => {
  await using tap = await openTap({ name: 'tap7', netns: near.name })
  const link = await join('tap7')
  using socket = new PacketSocket(near, 'tap7')
  socket.send(ethernet(0x88b5, 46))
  for await (const frames of tap) {
    if (frames.some(({ bytes }) => bytes[12] === 0x88 && bytes[13] === 0xb5)) break
  }
  tap.write(ethernet(0x88b6, 46))
  // A packet socket has it before the wire and after it.
  await expect.poll(() => socket.frames.filter(({ octets }) => octets[13] === 0xb6).length).toBe(2)
  expectConserved(link)
  await link.close()
})

describe('lo', () => {
  const SETTINGS = ['all/rp_filter', 'lo/rp_filter', 'lo/route_localnet', 'lo/accept_local']
  const settings = () => [
    ...SETTINGS.map(name => near.exec(`cat /proc/sys/net/ipv4/conf/${name}`).trim()),
    JSON.parse(near.ip('-j link show lo'))[0].mtu,
  ]

  test('IPv4 and IPv6 pass the wire, and its settings are restored at the end', async () => {
    near.ip('link set lo up')
    near.exec('sysctl -qw net.ipv4.conf.all.rp_filter=1')
    const before = settings()
    const link = await join('lo')
    expect(settings()).toEqual(['0', '0', '1', '1', 65521])
    for (const address of ['127.0.0.1', '::1']) {
      await pingAll(near, `-c 2 -i 0.05 ${address}`)
      const end = { netns: near, address, reachedAt: address }
      const { sent, received } = await tcpExchange(end, end, MIB)
      expect(received).toEqual(sent)
    }
    expect(link.ab.report()[0]!.out).toBeGreaterThan(10)
    expectConserved(link)
    await link.close()
    expect(settings()).toEqual(before)
  })

  test('its settings from before a vnet that was killed are restored at the end of the next one', async () => {
    near.ip('link set lo up')
    near.exec('sysctl -qw net.ipv4.conf.all.rp_filter=1')
    const before = settings()
    const killed = near.spawn([process.execPath, PROGRAM, 'attach', 'lo'])
    await once(killed.stdout, 'data')
    killed.kill('SIGKILL')
    await once(killed, 'close')
    expect(settings()).toEqual(['0', '0', '1', '1', 65521])
    const next = near.spawn([process.execPath, PROGRAM, 'attach', 'lo'])
    await once(next.stdout, 'data')
    next.kill('SIGTERM')
    expect((await once(next, 'close'))[0]).toBe(0)
    expect(settings()).toEqual(before)
  })

  test('settings that may not be changed are refused with its remedy', async () => {
    near.ip('link set lo up')
    const before = settings()
    const readOnly =
      'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"'
    const command = ['ip', 'netns', 'exec', near.name, process.execPath, PROGRAM, 'attach', 'lo']
    const child = near.spawn(['unshare', '--mount', 'sh', '-c', readOnly, 'sh', ...command])
    const { status, stderr } = await outcome(child)
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^vnet: attach lo: .*; vnet may not change settings: sysctl -w( net\.ipv4\.conf\.\S+=\d){2,4}\n$/,
      ),
    ])
    expect(settings()).toEqual(before)
  })
})
