/**
 * cable on real TAPs: frames put on one end by a packet socket are captured at the other, byte by
 * byte.
 */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { EMSGSIZE } from '../../src/base/errno.ts'
import { captureFrames } from '../support/capture.ts'
import { ethernet, putWord } from '../support/frames.ts'
import { freshQuietNamespaces } from '../support/fresh-namespaces.ts'
import type { Netns } from '../support/netns.ts'
import { PacketSocket } from '../support/packet-socket.ts'
import { firstOf } from '../support/scale.ts'
import { hasCarrier, hasNoCarrier, isDown, type ShownLink, untilShown } from '../support/shown-link.ts'
import { tcpExchange } from '../support/sockets.ts'
import { BOTH_WAYS, type Running, startVnet, stopConserved } from '../support/vnet-process.ts'

const MIB = 1 << 20

const { own, left, right } = freshQuietNamespaces('left', 'right')

function start(...args: string[]): Promise<Running> {
  return startVnet(['cable', `${left.name}/left`, `${right.name}/right`, '--json', ...args])
}

/**
 * `frame` with 802.1Q or 802.1ad tags, the outermost first, between its addresses and its
 * EtherType.
 */
function tagged(frame: Uint8Array, ...tags: [type: number, tci: number][]): Uint8Array {
  const octets = new Uint8Array(frame.length + 4 * tags.length)
  octets.set(frame.subarray(0, 12))
  for (const [i, [type, tci]] of tags.entries()) {
    putWord(octets, 12 + 4 * i, type)
    putWord(octets, 14 + 4 * i, tci)
  }
  octets.set(frame.subarray(12), 12 + 4 * tags.length)
  return octets
}

function to(mac: readonly number[], frame: Uint8Array): Uint8Array {
  frame.set(mac)
  return frame
}

const IPV4 = (flags: number, octets: number) => [0x45, 0, 0, 20 + octets, 0, 7, flags, 0, 64, 17, 0, 0]
const IPV4_ADDRESSES = [198, 18, 0, 1, 198, 18, 0, 2]

/** Frames of protocols that a cable does not parse, one of each kind, in several sizes. */
function kinds(): Map<string, Uint8Array> {
  return new Map([
    ['a runt of 14 octets', ethernet(0x88b5, 0)],
    ['a runt of 15 octets', ethernet(0x88b5, 1)],
    ['a runt of 59 octets', ethernet(0x0800, 45)],
    ['the shortest whole frame', ethernet(0x88b5, 46)],
    ['the longest at an MTU of 1500', ethernet(0x88b5, 1500)],
    ['VLAN', tagged(ethernet(0x0800, 64), [0x8100, 0x2064])],
    ['VLAN priority tag', tagged(ethernet(0x88b5, 64), [0x8100, 0xe000])],
    ['VLAN of the longest', tagged(ethernet(0x88b5, 1500), [0x8100, 7])],
    ['QinQ', tagged(ethernet(0x86dd, 64), [0x88a8, 100], [0x8100, 200])],
    ['three tags', tagged(ethernet(0x88b5, 64), [0x88a8, 1], [0x88a8, 2], [0x8100, 3])],
    ['LLC (spanning tree)', to([1, 0x80, 0xc2, 0, 0, 0], ethernet(38, [0x42, 0x42, 3, ...new Array(35).fill(0)]))],
    ['802.3 SNAP', ethernet(40, [0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0, ...new Array(32).fill(9)])],
    ['PAUSE', to([1, 0x80, 0xc2, 0, 0, 1], ethernet(0x8808, [0, 1, 0xff, 0xff, ...new Array(42).fill(0)]))],
    ['LLDP', to([1, 0x80, 0xc2, 0, 0, 0x0e], ethernet(0x88cc, 46))],
    ['broadcast ARP', to([255, 255, 255, 255, 255, 255], ethernet(0x0806, 46))],
    ['a first fragment', ethernet(0x0800, [...IPV4(0x20, 24), ...IPV4_ADDRESSES, ...new Array(24).fill(1)])],
    ['IPv4 with a wrong checksum', ethernet(0x0800, [...IPV4(0x40, 24), ...IPV4_ADDRESSES, ...new Array(24).fill(1)])],
    ['IPv4 multicast', to([1, 0, 0x5e, 0, 0, 0xfb], ethernet(0x0800, 46))],
    ['IPv6', ethernet(0x86dd, [0x60, 0, 0, 0, 0, 8, 59, 64, ...new Array(40).fill(0x20)])],
    ['IPv6 multicast', to([0x33, 0x33, 0, 0, 0, 0xfb], ethernet(0x86dd, 60))],
    ['an EtherType of nobody', ethernet(0xfffe, 99)],
    ['EtherType 0x0600', ethernet(0x0600, 46)],
    ['to another host', to([2, 9, 9, 9, 9, 9], ethernet(0x0800, 46))],
  ])
}

const hex = (frames: readonly Uint8Array[]) => frames.map(frame => Buffer.from(frame).toString('hex'))

describe.each(firstOf(BOTH_WAYS, 1))('%s', (_, offload) => {
  test('a cable passes any frame unchanged and in order, both ways', async () => {
    const vnet = await start(...offload)
    for (const [from, name, at, there] of [
      [left, 'left', right, 'right'],
      [right, 'right', left, 'left'],
    ] as const) {
      const capture = await captureFrames(at, there)
      using sender = new PacketSocket(from, name)
      const frames = [...kinds().values()]
      for (const frame of frames) sender.send(frame)
      expect(hex(await capture.count(frames.length))).toEqual(hex(frames))
      await capture.stop()
    }
    const { left: a, right: b } = await stopConserved(vnet)
    for (const { total } of [a!, b!]) {
      expect([total.txPackets, total.rxPackets]).toEqual([kinds().size, kinds().size])
      expect([total.txDropped, total.rxDropped]).toEqual([0, 0])
    }
  })

  test('frames of all sizes pass a cable with a jumbo MTU', async () => {
    const vnet = await start('--mtu', '9000', ...offload)
    expect(vnet.interfaces().map(({ mtu }) => mtu)).toEqual([9000, 9000])
    const capture = await captureFrames(right, 'right')
    using sender = new PacketSocket(left, 'left')
    const plain = [0, 1, 46, 1500, 1501, 4096, 8999, 9000].map(size => ethernet(0x88b5, size))
    const frames = [...plain, tagged(ethernet(0x88b5, 9000), [0x8100, 5])]
    for (const frame of frames) sender.send(frame)
    expect(hex(await capture.count(frames.length))).toEqual(hex(frames))
    await capture.stop()
    await stopConserved(vnet)
  })

  test('a frame longer than the receiver’s MTU + 18 is dropped and counted, as veth does', async () => {
    const vnet = await start('--mtu', '9000', '-v', ...offload)
    right.ip('link set right mtu 1500')
    await vnet.line(/right: mtu 1500/)
    right.ip('link add vethr type veth peer name vethl')
    right.ip(`link set vethl mtu 9000 netns ${left.name}`)
    right.ip('link set vethr up')
    left.ip('link set vethl up')
    const sizes = [1500, 1504, 1505, 1506, 9000, 64]
    const arrived: number[][] = []
    for (const [from, to] of [
      ['left', 'right'],
      ['vethl', 'vethr'],
    ] as const) {
      using receiver = new PacketSocket(right, to)
      using sender = new PacketSocket(left, from)
      // veth reports a dropped frame to the sender.
      for (const size of sizes) sender.trySend(ethernet(0x88b5, size))
      await receiver.until(({ octets }) => octets.length === 14 + 64)
      arrived.push(receiver.frames.map(({ octets }) => octets.length - 14))
    }
    expect(arrived[0]).toEqual([1500, 1504, 64])
    expect(arrived[1]).toEqual(arrived[0])
    const { left: sending } = await stopConserved(vnet)
    expect(sending!.drops.tx).toEqual({ PKT_TOO_BIG: 3 })
    expect(sending!.total).toMatchObject({ txPackets: 6, txDropped: 3 })
  })

  test('TCP passes both ways unchanged', async () => {
    const vnet = await start('--address', '192.0.2.1/24', '--address', '192.0.2.2/24', ...offload)
    const { peer, sent, received } = await tcpExchange(
      { netns: left, address: '192.0.2.1', reachedAt: '192.0.2.1' },
      { netns: right, address: '192.0.2.2', reachedAt: '192.0.2.2' },
      4 * MIB,
    )
    expect(received).toEqual(sent)
    expect(peer).toBe('192.0.2.1')
    const { left: a } = await stopConserved(vnet)
    const size = a!.total.txBytes / a!.total.txPackets
    if (offload.length === 0) expect(size).toBeGreaterThan(1514)
    else expect(size).toBeLessThanOrEqual(1514)
  })
})

test('a frame longer than the sender’s own MTU is not sent', async () => {
  const vnet = await start()
  using sender = new PacketSocket(left, 'left')
  expect(sender.trySend(ethernet(0x88b5, 1501))).toBe(-EMSGSIZE)
  const { left: a } = await stopConserved(vnet)
  expect(a!.total.txPackets).toBe(0)
})

test('an end of a cable may be in a namespace that is named by its path', async () => {
  const child = left.spawn(['unshare', '--net', 'sh', '-c', 'echo there; exec cat'])
  await once(child.stdout, 'data')
  const path = `/proc/${child.pid}/ns/net`
  const vnet = await startVnet(['cable', `${path}/left`, `${right.name}/right`, '--json'])
  expect(vnet.interfaces().map(({ netns }) => netns)).toEqual([path, right.name])
  const links = await left.run(`nsenter --net=${path} ip -j link show left`)
  expect(JSON.parse(links.stdout)[0].flags).toContain('LOWER_UP')
  expect(left.ip('-br link')).not.toContain('left')
  await stopConserved(vnet)
})

describe('the carrier', () => {
  const until = (netns: Netns, name: string, is: (link: ShownLink) => boolean) => untilShown(own, netns, name, is)

  test('both ends of a cable have a carrier as soon as the program is ready', async () => {
    const vnet = await start()
    for (const [netns, name] of [
      [left, 'left'],
      [right, 'right'],
    ] as const) {
      const [link] = JSON.parse(netns.ip(`-j link show ${name}`))
      expect(link.operstate).toBe('UP')
      expect(link.flags).toContain('LOWER_UP')
    }
    await stopConserved(vnet)
  })

  test('the carrier follows the peer’s IFF_UP', async () => {
    const vnet = await start()
    for (let i = 0; i < 2; i++) {
      left.ip('link set left down')
      await until(right, 'right', hasNoCarrier)
      left.ip('link set left up')
      await until(right, 'right', hasCarrier)
      await until(left, 'left', hasCarrier)
    }
    await stopConserved(vnet)
  })

  test('both ends get a carrier after both were down, in either order', async () => {
    const vnet = await start('--down')
    for (const [first, name, second, other] of [
      [left, 'left', right, 'right'],
      [right, 'right', left, 'left'],
    ] as const) {
      first.ip(`link set ${name} up`)
      await until(first, name, hasNoCarrier)
      second.ip(`link set ${other} up`)
      await until(first, name, hasCarrier)
      await until(second, other, hasCarrier)
      for (const [netns, end] of [
        [left, 'left'],
        [right, 'right'],
      ] as const) {
        netns.ip(`link set ${end} down`)
      }
      await until(left, 'left', isDown)
    }
    await stopConserved(vnet)
  })

  test('the carrier is gone for good when the other end is deleted', async () => {
    const vnet = await start()
    left.ip('link del left')
    await until(right, 'right', hasNoCarrier)
    await vnet.line(/left: interface was deleted from outside/)
    const statistics = await stopConserved(vnet)
    expect(Object.keys(statistics).sort()).toEqual(['left', 'right'])
  })

  test('the carrier is gone when the other end’s namespace is deleted', async () => {
    const vnet = await start()
    left.release()
    left.remove()
    await until(right, 'right', hasNoCarrier)
    await stopConserved(vnet)
  })

  test('both ends of a cable may be deleted at once', async () => {
    const vnet = await startVnet(['cable', `${left.name}/a`, `${left.name}/b`])
    left.release()
    left.remove()
    const { status, stderr } = await vnet.ended
    expect([status, stderr.split('\n').filter(line => /E[A-Z]+,/.test(line))]).toEqual([1, []])
  })

  test('frames for an end that is down are dropped and counted', async () => {
    const vnet = await start()
    using sender = new PacketSocket(left, 'left')
    right.ip('link set right down')
    // The sender's carrier has not gone yet: the driver is in this process.
    for (let i = 0; i < 5; i++) sender.send(ethernet(0x88b5, 46))
    await until(left, 'left', hasNoCarrier)
    const { left: a, right: b } = await stopConserved(vnet)
    expect(b!.total.rxPackets + b!.total.rxDropped + a!.total.txDropped).toBe(a!.total.txPackets)
    expect(b!.total.rxPackets).toBe(0)
  })
})
