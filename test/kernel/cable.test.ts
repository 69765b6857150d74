/** cable on real TAPs: the longest frames, TCP, and what the kernel shows of the carrier. */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { EMSGSIZE } from '#src/base/errno.ts'
import { captureFrames } from '#support/capture.ts'
import { hex, tagged } from '#support/frame-kinds.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import {
  hasCarrier,
  hasNoCarrier,
  isDown,
  type ShownLink,
  untilShown,
} from '#support/shown-link.ts'
import { tcpExchange } from '#support/sockets.ts'
import { BOTH_WAYS, type Running, startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20

const { own, left, right } = freshQuietNamespaces('left', 'right')

function start(...args: string[]): Promise<Running> {
  return startVnet(['cable', `${left.name}/left`, `${right.name}/right`, '--json', ...args])
}

describe.each(firstOf(1, BOTH_WAYS))('%s', (_, offload) => {
  test('frames of all sizes pass a cable with a jumbo MTU', async () => {
    const vnet = await start('--mtu', '9000', ...offload)
    expect(vnet.interfaces().map(({ mtu }) => mtu)).toEqual([9000, 9000])
    const capture = await captureFrames(right, 'right')
    using sender = new PacketSocket(left, 'left')
    const plain = [0, 1, 46, 1500, 1501, 4096, 8999, 9000].map(size => ethernet(0x88b5, size))
    const frames = [...plain, tagged(ethernet(0x88b5, 9000), [0x8100, 5])]
    for (const frame of frames) {
      sender.send(frame)
    }
    expect(hex(await capture.count(frames.length))).toEqual(hex(frames))
    await capture.stop()
    await stopConserved(vnet)
  })

  test('a frame longer than the receiver’s MTU + 18 is dropped and counted, as veth does', async () => {
    const vnet = await start('--mtu', '9000', '-v', ...offload)
    right.ip('link set right mtu 1500')
    await vnet.line(/right: mtu 1500/)
    right.ip(
      'link add vethr type veth peer name vethl',
      `link set vethl mtu 9000 netns ${left.name}`,
    )
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
      for (const size of sizes) {
        sender.trySend(ethernet(0x88b5, size))
      }
      await receiver.until(({ octets }) => octets.length === 14 + 64)
      arrived.push(receiver.frames.map(({ octets }) => octets.length - 14))
    }
    expect(arrived[0]).toEqual([1500, 1504, 64])
    expect(arrived[1]).toEqual(arrived[0])
    const { left: sending } = await stopConserved(vnet)
    expect(sending!.drops.tx).toEqual({ PKT_TOO_BIG: 3 })
    expect(sending!.total).toMatchObject({ txPackets: 6, txDropped: 3 })
  })

  test('megabytes of TCP pass in both directions unchanged', async () => {
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
    if (offload.length === 0) {
      expect(size).toBeGreaterThan(1514)
    } else {
      expect(size).toBeLessThanOrEqual(1514)
    }
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
  const until = (netns: Netns, name: string, is: (link: ShownLink) => boolean) =>
    untilShown(own, netns, name, is)

  test('both ends of a cable have a carrier when the program is ready', async () => {
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

  test('the carrier is off for good after the other end is deleted', async () => {
    const vnet = await start()
    left.ip('link del left')
    await until(right, 'right', hasNoCarrier)
    await vnet.line(/left: interface was deleted from outside/)
    const statistics = await stopConserved(vnet)
    expect(Object.keys(statistics).sort()).toEqual(['left', 'right'])
  })

  test('the carrier is off after the other end’s namespace is deleted', async () => {
    const vnet = await start()
    left.release()
    left.remove()
    await until(right, 'right', hasNoCarrier)
    await stopConserved(vnet)
  })

  test('both ends of a cable may be deleted simultaneously', async () => {
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
    for (let i = 0; i < 5; i++) {
      sender.send(ethernet(0x88b5, 46))
    }
    await until(left, 'left', hasNoCarrier)
    const { left: a, right: b } = await stopConserved(vnet)
    expect(b!.total.rxPackets + b!.total.rxDropped + a!.total.txDropped).toBe(a!.total.txPackets)
    expect(b!.total.rxPackets).toBe(0)
  })
})
