import { afterEach, describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import {
  EAGAIN,
  EBADF,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENOBUFS,
  ENODEV,
  ENXIO,
  EPERM,
} from '#src/base/errno.ts'
import { FrameBatches, FrameQueue } from '#src/linux/tap/frame-queue.ts'
import { VIRTIO_NET_HDR_LEN } from '#src/linux/uapi.ts'
import { NETIF_F_ALL_TAP, NETIF_F_GRO } from '#src/netdev/if.ts'
import { ethTypeTrans, netifRx } from '#src/netdev/netif.ts'
import { dropReasonName } from '#src/skb/drop-reason-name.ts'
import { FRAME_MAX } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import {
  addDevice,
  type MemoryNet,
  type MemoryNetOptions,
  memoryNets,
  turn,
} from '#support/memory-net.ts'
import { skbOf } from '#support/skb.ts'
import { buildFrame, type Packet, plain } from '../../../../test/packet/frames.ts'
import { Segment, type Station } from '../../src/switch/segment.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import { FakePacketSocket } from '../support/fake-packet-socket.ts'

const newNet = memoryNets()
const ends: (() => void)[] = []
// Hooks run in reverse order of registration.
afterEach(() => {
  for (const end of ends.splice(0)) {
    end()
  }
})
const [BEHIND, NEAR] = [
  [2, 0, 0, 0, 0, 1],
  [2, 0, 0, 0, 0, 2],
]
const ALL = [255, 255, 255, 255, 255, 255]

/** A frame of 60 bytes; the last one is its number. */
function frame(
  to: readonly number[],
  from: readonly number[],
  number: number,
  length = 60,
): Uint8Array {
  const octets = new Uint8Array(length)
  octets.set([...to, ...from, 0x88, 0xb5])
  octets[length - 1] = number
  return octets
}

const numbers = (frames: readonly Uint8Array[]) => frames.map(octets => octets.at(-1))

interface Bed {
  readonly memory: MemoryNet
  readonly socket: FakePacketSocket
  readonly segment: Segment
  readonly uplink: Uplink
  /** Numbers of the frames that a port of the segment received. */
  readonly got: number[]
  /** Whether the port keeps the frames that it receives. */
  readonly kept: SkBuff[]
  keeps: boolean
  /** Number of frames that the port sent. */
  readonly sent: { frames: number }
  /** Sends frames from a port, and flushes them. */
  send(...frames: Uint8Array[]): Promise<void>
  /** Lets frames arrive at the interface, and polls the queue. */
  come(...frames: (Uint8Array | number)[]): void
}

function join(options: MemoryNetOptions = {}): Bed {
  const memory = newNet(options)
  const { net, clock, pool } = memory
  const socket = new FakePacketSocket()
  const { native } = socket
  const segment = new Segment({ clock })
  const open = (slots: Parameters<ConstructorParameters<typeof Uplink>[0]['open']>[0]) =>
    new FrameQueue(native, socket.fd, VIRTIO_NET_HDR_LEN, slots, new FrameBatches(native))
  const uplink = new Uplink({ net, name: 'veth0', open, arrived: () => socket.arrived() })
  const port: Station = {
    receive(skb) {
      bed.got.push(skb.bytes[skb.tail - 1] as number)
      if (bed.keeps) {
        bed.kept.push(skb)
      } else {
        skb.free()
      }
    },
  }
  const bed: Bed = {
    memory,
    socket,
    segment,
    uplink,
    got: [],
    kept: [],
    sent: { frames: 0 },
    keeps: false,
    async send(...frames) {
      for (const octets of frames) {
        const skb = skbOf(pool, octets)
        segment.send(skb, port)
        bed.sent.frames++
      }
      await turn()
      conserved(bed)
    },
    come(...frames) {
      socket.incoming.push(...frames)
      socket.wake()
      conserved(bed)
    },
  }
  segment.attach(port)
  // Otherwise its table would age on.
  ends.push(() => segment.detach(port))
  uplink.changed('up')
  uplink.join(segment)
  return bed
}

/** Checks that the counters account for every frame. */
function conserved({ segment, uplink, got, sent, keeps }: Bed): void {
  const { stats } = segment
  expect(stats.in).toBe(stats.out + stats.taken + stats.dropped)
  const { rxPackets, txPackets, dropped } = uplink.stats
  expect(uplink.drops.reduce((sum, n) => sum + n, 0)).toBe(dropped)
  // Frames that never entered the segment.
  const cut = rxPackets - (stats.in - stats.made - sent.frames)
  if (!keeps) {
    expect(stats.out).toBe(got.length + txPackets + dropped - cut + uplink.held)
  }
}

const drops = ({ uplink }: Bed) =>
  Object.fromEntries(
    [...uplink.drops.entries()].flatMap(([reason, n]) =>
      n > 0 ? [[dropReasonName(reason), n]] : [],
    ),
  )

describe('an uplink', () => {
  test('an uplink sends received frames to the segment, and frames for its far hosts to its interface', async () => {
    const bed = join()
    const { uplink, segment, socket } = bed
    bed.come(frame(ALL, BEHIND, 1), frame(NEAR, BEHIND, 2))
    expect(bed.got).toEqual([1, 2])
    await bed.send(frame(BEHIND, NEAR, 3), frame(ALL, NEAR, 4))
    expect(numbers(socket.sent)).toEqual([3, 4])
    // Both hosts are on the uplink's far side: no frame returns to its station.
    bed.come(frame(BEHIND, [2, 0, 0, 0, 0, 9], 5))
    expect([bed.got, socket.sent.length]).toEqual([[1, 2], 2])
    expect(uplink.stats).toEqual({
      rxPackets: 3,
      rxBytes: 180,
      txPackets: 2,
      txBytes: 120,
      dropped: 0,
    })
    expect(segment.stats).toMatchObject({ in: 5, out: 4, taken: 1 })
    uplink.close()
  })

  test.each([
    [ENETDOWN, 'DEV_READY'],
    [ENXIO, 'DEV_READY'],
    [ENODEV, 'DEV_READY'],
    [EMSGSIZE, 'PKT_TOO_BIG'],
    [ENOBUFS, 'QDISC_DROP'],
    [EINVAL, 'HDR_TRUNC'],
    [EPERM, 'KERNEL_ERROR'],
  ])(
    'an uplink drops only the frame that its interface refuses (errno %i), as %s',
    async (errno, reason) => {
      const bed = join()
      bed.socket.refusals.push(-errno)
      await bed.send(frame(ALL, NEAR, 1), frame(ALL, NEAR, 2))
      expect(numbers(bed.socket.sent)).toEqual([2])
      expect(drops(bed)).toEqual({ [reason]: 1 })
      bed.uplink.close()
      expect(bed.memory.lines.at(-1)).toBe(
        `uplink veth0: rx 0 frames, 0 bytes, tx 1 frames, 60 bytes, dropped 1 ${reason}`,
      )
    },
  )

  test('an uplink keeps frames while its interface is full, and sends them in order later', async () => {
    const bed = join()
    const { socket, uplink, memory } = bed
    socket.refusals.push(-EAGAIN)
    await bed.send(frame(ALL, NEAR, 1), frame(ALL, NEAR, 2))
    expect([socket.sent.length, uplink.held]).toEqual([0, 2])
    socket.refusals.pop()
    memory.clock.advance(NSEC_PER_MSEC)
    await turn()
    expect([numbers(socket.sent), uplink.held]).toEqual([[1, 2], 0])
    socket.refusals.push(-EAGAIN)
    await bed.send(...Array.from({ length: 260 }, (_, i) => frame(ALL, NEAR, i & 255)))
    expect([uplink.held, drops(bed)]).toEqual([256, { CPU_BACKLOG: 4 }])
    uplink.close()
    expect([uplink.held, drops(bed)]).toEqual([0, { CPU_BACKLOG: 4, DEV_READY: 256 }])
  })

  test('an uplink continues to read after the error of an interface that went down', () => {
    const bed = join()
    const { socket, uplink } = bed
    socket.incoming.push(-ENETDOWN)
    socket.wake(-EBADF)
    expect(socket.watched).toBe(true)
    bed.come(frame(ALL, BEHIND, 1))
    expect(bed.got).toEqual([1])
    uplink.close()
  })

  test('an uplink counts frames that cannot be read and frames that the kernel truncated', () => {
    const bed = join()
    bed.come(-EINVAL)
    bed.come(frame(ALL, BEHIND, 1, FRAME_MAX + 100), frame(ALL, BEHIND, 2))
    expect(bed.got).toEqual([2])
    expect(bed.uplink.stats).toMatchObject({ rxPackets: 2, dropped: 1 })
    expect([drops(bed), bed.uplink.missed]).toEqual([{ PKT_TOO_BIG: 1 }, 1])
    bed.uplink.close()
    expect(bed.memory.lines.at(-1)).toMatch(/, dropped 1 PKT_TOO_BIG, missed 1$/)
  })

  test('an uplink without slots is not polled until one is freed', () => {
    const bed = join({ large: 4 })
    const { socket } = bed
    bed.keeps = true
    bed.come(...[1, 2, 3, 4, 5, 6].map(i => frame(NEAR, BEHIND, i)))
    socket.wake()
    expect([bed.got, socket.watched]).toEqual([[1, 2, 3, 4], false])
    bed.kept.shift()?.free()
    expect(socket.watched).toBe(true)
    socket.wake()
    expect(bed.got).toEqual([1, 2, 3, 4, 5])
    for (const skb of bed.kept) {
      skb.free()
    }
    bed.uplink.close()
  })

  test('an uplink yields after a budget of frames and asks to be polled again', () => {
    const bed = join({ large: 256 })
    bed.come(...Array.from({ length: 70 }, (_, i) => frame(NEAR, BEHIND, i)))
    expect([bed.got.length, bed.socket.more]).toEqual([64, true])
    bed.socket.wake()
    expect([bed.got.length, bed.socket.more]).toEqual([70, true])
    bed.socket.wake()
    expect(bed.socket.more).toBe(false)
    bed.uplink.close()
  })

  test('segments that a port merges are delivered with the uplink’s poll', async () => {
    const bed = join()
    const { memory, segment, uplink, socket } = bed
    const { dev, port } = await addDevice(memory, {}, { features: NETIF_F_ALL_TAP | NETIF_F_GRO })
    const station: Station = {
      receive(skb) {
        skb.dev = dev
        ethTypeTrans(skb, dev)
        netifRx(skb)
      },
    }
    segment.attach(station)
    ends.push(() => segment.detach(station))
    const payload = new Array<number>(100).fill(7)
    for (let i = 0; i < 5; i++) {
      const packet: Packet = {
        ...plain,
        kind: 'tcp',
        identification: i,
        sequence: 100 * i,
        flags: 0x10,
        payload,
      }
      const octets = Uint8Array.from(buildFrame({ packet, tags: [], padding: [] }))
      octets.set([...NEAR, ...BEHIND])
      socket.incoming.push(octets)
    }
    memory.made = 5
    socket.wake()
    expect(port.received.map(({ bytes }) => bytes.length)).toEqual([54 + 500])
    uplink.close()
  })

  test('an uplink is detached while its link is down, and its far hosts are forgotten', async () => {
    const bed = join()
    const { uplink, segment, socket, memory } = bed
    bed.come(frame(ALL, BEHIND, 1))
    uplink.changed('down')
    expect(segment.table.size).toBe(0)
    await bed.send(frame(BEHIND, NEAR, 2), frame(ALL, NEAR, 3))
    expect(segment.stats).toMatchObject({ taken: 2 })
    uplink.changed('up')
    await bed.send(frame(BEHIND, NEAR, 4))
    expect(numbers(socket.sent)).toEqual([4])
    expect(memory.lines).toEqual(
      ['up', 'down', 'up'].map(state => `uplink veth0: link is ${state}`),
    )
    uplink.close()
  })

  test('an uplink closes with its interface: no descriptor is left, and waiting frames are dropped', async () => {
    const bed = join()
    const { uplink, segment, socket, memory } = bed
    await bed.send(frame(ALL, NEAR, 1))
    uplink.changed('gone')
    expect([socket.closed, socket.watched, segment.stations.length]).toEqual([1, false, 1])
    expect(memory.lines[1]).toBe(
      'uplink veth0: the interface is gone; the segment continues without it',
    )
    const skb = memory.pool.alloc(60) as SkBuff
    skb.put(60)
    uplink.receive(skb)
    expect(drops(bed)).toEqual({ DEV_READY: 1 })
    uplink.close()
    expect(socket.closed).toBe(1)
  })

  test('an uplink opened while its link is down logs that, and is attached when the link is up', async () => {
    const memory = newNet()
    const { net, clock } = memory
    const socket = new FakePacketSocket()
    const segment = new Segment({ clock })
    const uplink = new Uplink({
      net,
      name: 'veth0',
      arrived: () => 0,
      open: slots =>
        new FrameQueue(socket.native, socket.fd, 10, slots, new FrameBatches(socket.native)),
    })
    uplink.join(segment)
    expect([segment.stations.length, memory.lines]).toEqual([0, ['uplink veth0: link is down']])
    uplink.changed('up')
    expect(segment.stations).toEqual([uplink])
    uplink.close()
  })

  test('an uplink that cannot be opened returns its share of the slots', () => {
    const { net, pool } = newNet()
    const other = pool.openAccount(() => {})
    const share = other.quota
    const open = () => {
      throw new Error('no')
    }
    expect(() => new Uplink({ net, name: 'veth0', open, arrived: () => 0 })).toThrow('no')
    expect(other.quota).toBe(share)
  })
})
