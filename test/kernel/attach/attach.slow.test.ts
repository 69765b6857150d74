/** `attach` of 'vnet/wire': frames pass the wire unchanged, and nothing remains at the end. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { NETDEV_DOWN } from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { RX_DROPPED, RX_PACKETS } from '#src/netdev/stats.ts'
import { SKB_DROP_REASON_CUT } from '#src/skb/drop-reason.ts'
import { dropsByName } from '#src/skb/drop-reason-name.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { type AttachOptions, attach, type Cable, loss } from '#src/wire.ts'
import {
  bpfDescriptors,
  expectConserved,
  interfacesOf,
  makeVeth,
  NEVER_OPEN,
} from '#support/attach.ts'
import { bpfIds, newProgramsOf } from '#support/bpf.ts'
import { captureFrames } from '#support/capture.ts'
import { hex, kinds } from '#support/frame-kinds.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { scaled } from '#support/scale.ts'
import { untilShown } from '#support/shown-link.ts'
import { pingWithoutLoss } from '#support/traffic.ts'

const { own, near, far, third } = freshQuietNamespaces('near', 'far', 'third')
let links: Cable[]
let lines: string[]

beforeEach(() => {
  links = []
  lines = []
  makeVeth(near, far)
})
afterEach(async () => {
  for (const link of links) {
    await link.close()
  }
})

async function join(name = 'inner', options: AttachOptions = {}): Promise<Cable> {
  const link = await attach(name, {
    netns: near.name,
    seed: 7,
    log: line => lines.push(line),
    ...NEVER_OPEN,
    ...options,
  })
  links.push(link)
  return link
}

/** The drops of a device by direction, without their reasons. */
const dropped = ({ b }: Cable) => {
  const sum = (reasons: Float64Array) => reasons.reduce((n, more) => n + more, 0)
  const { tx, rx } = b.counters.drops()
  return { tx: sum(tx), rx: sum(rx) }
}

/** Sent after all others, so it arrives after them. */
const LAST = ethernet(0x88b6, 46)

describe('frames', () => {
  test('a ping takes the delays of received and of transmitted frames', async () => {
    const link = await join('inner', { in: 'delay 20ms', out: 'delay 30ms' })
    const { shortest } = await pingWithoutLoss(far, '-c 3 -i 0.05 192.0.2.1')
    expect(shortest).toBeGreaterThanOrEqual(50)
    expect([link.ab.text, link.ba.text]).toEqual(['delay 20ms', 'delay 30ms'])
    expect(link.b.name).toBe('inner')
    expectConserved(link)
  })

  test('the frames that a bridge forwards to and from an attached port arrive as without a wire', async () => {
    // With snooping, the bridge sends reports of IGMP.
    near.ip('link add bridge type bridge mcast_snooping 0')
    near.ip(`link add side type veth peer name other netns ${third.name}`)
    for (const name of ['inner', 'side']) {
      near.ip(`link set ${name} master bridge`)
    }
    for (const name of ['bridge', 'side']) {
      near.ip(`link set ${name} up`)
    }
    third.ip('link set other up')
    await untilShown(own, near, 'side', ({ operstate }) => operstate === 'UP')
    /**
     * Sends all frames in both directions, and returns the received frames, with their VLAN tags.
     */
    async function exchanged(): Promise<string[][]> {
      const arrived: string[][] = []
      for (const [from, name, to, there] of [
        [far, 'outer', third, 'other'],
        [third, 'other', far, 'outer'],
      ] as const) {
        const capture = await captureFrames(to, there)
        using sender = new PacketSocket(from, name)
        for (const frame of [...kinds().values(), LAST]) {
          sender.send(frame)
        }
        await capture.until(frame => hex([frame])[0] === hex([LAST])[0])
        arrived.push(hex(capture.got))
        await capture.stop()
      }
      return arrived
    }
    const without = await exchanged()
    const link = await join('inner', { in: 'delay 1ms', out: 'delay 1ms' })
    expect(await exchanged()).toEqual(without)
    expect(without.map(({ length }) => length > 10)).toEqual([true, true])
    expect(dropped(link)).toEqual({ tx: 0, rx: 0 })
    expect(link.ab.report()[0]!.out).toBeGreaterThan(10)
    expectConserved(link)
  })

  test('any frame that an attached veth transmits arrives unchanged and in order', async () => {
    const link = await join('inner', { out: 'delay 1ms' })
    const capture = await captureFrames(far, 'outer')
    using sender = new PacketSocket(near, 'inner')
    const frames = [...kinds().values()]
    for (const frame of frames) {
      sender.send(frame)
    }
    expect(hex(await capture.count(frames.length))).toEqual(hex(frames))
    await capture.stop()
    expectConserved(link)
  })

  test('a loss in either direction is counted at the interface on its side', async () => {
    const link = await join('inner', { in: [loss(1)], out: 'loss every 2' })
    using outside = new PacketSocket(far, 'outer')
    using inside = new PacketSocket(near, 'inner')
    for (let i = 0; i < 4; i++) {
      inside.send(ethernet(0x88b5, 46))
    }
    outside.send(ethernet(0x88b6, 46))
    await expect.poll(() => dropped(link)).toEqual({ tx: 2, rx: 1 })
    await expect.poll(() => outside.frames.length).toBe(2)
    expectConserved(link)
  })

  test('down() drops all frames as CUT and leaves the carrier, and up() ends that', async () => {
    const link = await join()
    link.down()
    using outside = new PacketSocket(far, 'outer')
    using inside = new PacketSocket(near, 'inner')
    outside.send(LAST)
    inside.send(LAST)
    await expect.poll(() => dropped(link)).toEqual({ tx: 1, rx: 1 })
    expect(outside.frames).toEqual([])
    const { tx, rx } = link.b.counters.drops()
    expect([dropsByName(tx), dropsByName(rx)]).toEqual([{ CUT: 1 }, { CUT: 1 }])
    expect(near.ip('link show inner')).toContain('LOWER_UP')
    link.up()
    await pingWithoutLoss(far, '-c 2 -i 0.05 192.0.2.1')
    expectConserved(link)
  })

  test('frames that other programs send to a TAP of the wire are not received or transmitted', async () => {
    const link = await join()
    const [, ...taps] = interfacesOf(near)
    expect(taps).toEqual([expect.stringMatching(/^wire\d+a$/), expect.stringMatching(/^wire\d+b$/)])
    using outside = new PacketSocket(far, 'outer')
    using inside = new PacketSocket(near, 'inner')
    for (const tap of taps) {
      using intruder = new PacketSocket(near, tap)
      intruder.trySend(ethernet(0x88b5, 46))
    }
    await pingWithoutLoss(far, '-c 1 192.0.2.1')
    const intruded = ({ frames }: PacketSocket) =>
      frames.filter(({ octets }) => octets[13] === 0xb5)
    expect([...intruded(outside), ...intruded(inside)]).toEqual([])
    expectConserved(link)
  })

  test('frames that a TAP has no room for are counted as dropped by the kernel', async () => {
    const link = await join()
    using outside = new PacketSocket(far, 'outer')
    // More than the queue of a TAP holds, before this process reads it.
    for (let i = 0; i < 1500; i++) {
      outside.send(LAST)
    }
    const counted = () => {
      const received = link.b.getStats64()[RX_PACKETS] as number
      return [received, received + (link.b.kernelStats()?.[RX_DROPPED] as number)]
    }
    await expect.poll(counted).toEqual([1000, 1500])
  })

  test('a drop at the device that faces the network is counted on the other side of the interface', async () => {
    const { a, b } = await join()
    const frame = (rxDev?: NetDevice) => ({ queueMapping: 0, rxDev }) as SkBuff
    a.countDrop(frame(), SKB_DROP_REASON_CUT)
    expect(dropped({ b } as Cable)).toEqual({ tx: 0, rx: 1 })
    a.countDrop(frame(a), SKB_DROP_REASON_CUT)
    expect(dropped({ b } as Cable)).toEqual({ tx: 1, rx: 1 })
  })
})

describe('the life of an attachment', () => {
  test('the interface keeps its addresses and routes, and nothing remains after the end', async () => {
    const shown = () => [
      near.ip('-o addr show inner').replace(/\d+sec/g, ''),
      near.ip('route'),
      near.ip('-6 route'),
    ]
    const before = [shown(), interfacesOf(near), bpfDescriptors()]
    const link = await join()
    expect(shown()).toEqual(before[0])
    expect(interfacesOf(near)).toHaveLength(3)
    await link.close()
    expect([shown(), interfacesOf(near), bpfDescriptors()]).toEqual(before)
    await pingWithoutLoss(far, '-c 1 192.0.2.1')
  })

  test('an interface can be attached to again and again without a leak', async () => {
    const before = [bpfDescriptors(), interfacesOf(near)]
    const earlier = bpfIds()
    for (let i = 0; i < scaled(1000); i++) {
      // Not by join(), which would keep the frame memory of all of them.
      const link = await attach('inner', { netns: near.name, in: 'loss 0%' })
      await link.close()
    }
    expect([bpfDescriptors(), interfacesOf(near)]).toEqual(before)
    // The kernel frees programs after a grace period; other tests have some of their own meanwhile.
    const left = () => newProgramsOf(earlier, `vnet_in_${process.pid}`)
    await expect.poll(left).toEqual([])
  })

  test('a second attachment is refused with the process id of the first', async () => {
    await join()
    await expect(join()).rejects.toThrow(
      `attach ${near.name}/inner: EBUSY, device or resource busy; process ${process.pid} is attached to it`,
    )
  })

  test('changes of the MTU and the name are followed', async () => {
    const link = await join()
    near.ip('link set inner mtu 1400')
    await expect.poll(() => [link.a.mtu, link.b.mtu]).toEqual([1400, 1400])
    near.ip('link set inner name renamed')
    await expect.poll(() => link.b.name).toBe('renamed')
    await pingWithoutLoss(far, '-c 1 192.0.2.1')
  })

  test.each([
    ['brought down', () => 'link set inner down'],
    ['deleted', () => 'link delete inner'],
    ['moved', () => `link set inner netns ${far.name}`],
  ])('an interface that is %s ends the attachment with one log line', async (_, command) => {
    await join()
    near.ip(command())
    await expect.poll(() => interfacesOf(near).filter(name => name !== 'inner')).toEqual([])
    expect(lines).toEqual([
      'inner: the interface was brought down, moved or deleted: the attachment ends',
    ])
  })

  test('a namespace that is removed ends the attachment', async () => {
    const link = await join()
    near.release()
    near.remove()
    await expect.poll(() => link.b.port).toBeUndefined()
    expect(lines).toHaveLength(1)
  })

  test('a TAP that an administrator brings down ends the attachment, and frames pass directly', async () => {
    await join()
    const [, tap] = interfacesOf(near) as [string, string]
    near.ip(`link set ${tap} down`)
    await expect.poll(() => interfacesOf(near)).toEqual(['inner'])
    expect(lines).toEqual(['inner: its TAP was brought down: the attachment ends'])
    await pingWithoutLoss(far, '-c 1 192.0.2.1')
  })

  test.each(['qdisc del dev %s clsact', 'filter del dev %s ingress'])(
    'a TAP whose program an administrator removes by tc %s ends the attachment, and frames pass directly',
    async command => {
      await join()
      const [, tap] = interfacesOf(near) as [string, string]
      // A root qdisc has no programs.
      near.exec(`tc qdisc replace dev ${tap} root pfifo`)
      near.exec(`tc qdisc del dev ${tap} root`)
      near.exec(`tc ${command.replace('%s', tap)}`)
      await expect.poll(() => interfacesOf(near)).toEqual(['inner'])
      expect(lines).toEqual(['inner: a program of its TAP was removed: the attachment ends'])
      await pingWithoutLoss(far, '-c 1 192.0.2.1')
    },
  )

  test('a frame that is sent after its device is closed passes directly, before the attachment has ended', async () => {
    const { b } = await join('inner', { out: 'loss 100%' })
    using outside = new PacketSocket(far, 'outer')
    using inside = new PacketSocket(near, 'inner')
    b.net.registerNetdeviceNotifier((event, dev) => {
      if (event === NETDEV_DOWN && dev === b) {
        inside.send(LAST)
      }
      return 0
    })
    near.ip(`link set ${interfacesOf(near).at(-1)} down`)
    await expect
      .poll(() => hex(outside.frames.map(({ octets }) => octets)))
      .toContain(hex([LAST])[0])
  })
})

describe('what is refused', () => {
  test.each([
    [
      'an unknown interface',
      [],
      'nosuch',
      'ENODEV, no such device; there is no such interface; `ip link` lists them',
    ],
    [
      'an interface that is down',
      ['link add idle type bridge'],
      'idle',
      'ENETDOWN, network is down; it is down: ip link set idle up',
    ],
    [
      'an interface without Ethernet headers',
      ['tuntap add tun7 mode tun'],
      'tun7',
      'EOPNOTSUPP, operation not supported; tun has no Ethernet headers, which a wire needs',
    ],
  ])('%s is refused in one line', async (_, commands, name, why) => {
    for (const command of commands) {
      near.ip(command)
    }
    await expect(join(name)).rejects.toThrow(`attach ${near.name}/${name}: ${why}`)
    expect(bpfDescriptors()).toBe(0)
  })

  test('wrong words and unknown options are refused, and nothing is attached', async () => {
    await expect(join('inner', { in: 'delay fast' })).rejects.toBeInstanceOf(UsageError)
    await expect(join('inner', { ab: 'loss 1%' } as AttachOptions)).rejects.toThrow(/attach: .*ab/)
    expect([interfacesOf(near), bpfDescriptors()]).toEqual([['inner'], 0])
  })
})
