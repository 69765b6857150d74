/**
 * Transmit completion of snull by interrupt and by poll, on real TAPs: everything arrives in order
 * with however few buffers, frames that find the receive ring full are counted, and short frames
 * are padded.
 */
import { describe, expect, test } from 'vitest'
import { ethernet, ones, putWord } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type HostFrame, PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import { tcpExchange } from '#support/sockets.ts'
import {
  expectFlowsInOrder,
  farEnd,
  farEnd6,
  nearEnd,
  nearEnd6,
  pingAll,
  udpEcho,
} from '#support/traffic.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20

const { netns } = freshQuietNamespaces('netns')

const start = (...args: string[]) => startVnet(['snull', '--netns', netns.name, '--json', ...args])

const COMPLETIONS = [
  ['by interrupt', []],
  ['by poll', ['--use-napi']],
] as const

/**
 * Returns an Ethernet frame of `length` bytes: IPv4, UDP to a closed port without checksum, `mark`.
 */
function datagram(length: number, from: string, to: string, mark: number): Uint8Array {
  const octets = (address: string) => address.split('.').map(Number)
  const ip = [0x45, 0, 0, length - 14, 0, 1, 0x40, 0, 64, 17, 0, 0, ...octets(from), ...octets(to)]
  const udp = [0x30, 0x39, 0x1f, 0x90, 0, length - 34, 0, 0]
  const packet = Uint8Array.from([...ip, ...udp, ...Array(length - 42).fill(mark)])
  putWord(packet, 2, length - 14)
  putWord(packet, 24, length - 34)
  putWord(packet, 10, 0xffff - ones(packet.subarray(0, 20)))
  return ethernet(0x0800, packet)
}

describe.each(COMPLETIONS)('%s', (_, completion) => {
  test.each(firstOf(1, BOTH_WAYS))(
    '%s pings, TCP and UDP pass in both directions',
    async (_, offload) => {
      netns.exec('sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0')
      const vnet = await start('--ipv6', ...completion, ...offload)
      for (const remote of ['198.18.0.2', '198.18.1.1', '2001:db8::2', '2001:db8:0:1::1']) {
        for (const size of [56, 8000]) {
          await pingAll(netns, `-c 10 -i 0.002 -s ${size} ${remote}`)
        }
      }
      for (const [near, far] of [
        [nearEnd(netns), farEnd(netns)],
        [nearEnd6(netns), farEnd6(netns)],
      ] as const) {
        for (const [client, server] of [
          [near, far],
          [far, near],
        ] as const) {
          const { sent, received } = await tcpExchange(client, server, 2 * MIB)
          expect(received).toEqual(sent)
          await udpEcho(client, server, [0, 1, 1472, 8001])
        }
      }
      await expectFlowsInOrder(netns, 4, 500)
      const { sn0, sn1 } = await stopConserved(vnet)
      for (const { total } of [sn0!, sn1!]) {
        expect(total).toMatchObject({ txErrors: 0, rxErrors: 0, rxMissedErrors: 0 })
      }
    },
  )

  test.each(firstOf(1, [1, 8, 2]))(
    '%i transmit buffers per queue neither lose nor reorder frames',
    async poolSize => {
      const vnet = await start('--txqs', '4', '--pool-size', `${poolSize}`, ...completion)
      const { sent, received } = await tcpExchange(nearEnd(netns), farEnd(netns), MIB)
      expect(received).toEqual(sent)
      // Nothing is under way once the last datagram is back.
      await expectFlowsInOrder(netns, 64, 100)
      for (const stats of Object.values(await stopConserved(vnet))) {
        expect(stats.total.txErrors).toBe(0)
        expect(stats.drops).toEqual({ tx: {}, rx: {} })
        for (const queue of stats.queues) {
          expect(queue.txPackets).toBeGreaterThanOrEqual(100)
        }
      }
    },
  )

  test('frames for a full receive ring are counted as missed, and TCP still gets through', async () => {
    const BURST = 100
    const vnet = await start('--ring-size', '4', ...completion)
    const { sent, received } = await tcpExchange(nearEnd(netns), farEnd(netns), MIB / 4)
    expect(received).toEqual(sent)
    {
      using sender = new PacketSocket(netns, 'sn0')
      using receiver = new PacketSocket(netns, 'sn1')
      // The driver is in this process, so it finds all of them waiting.
      for (let i = 0; i < BURST; i++) {
        sender.send(datagram(100, '198.18.0.1', '198.18.0.2', i))
      }
      sender.send(datagram(101, '198.18.0.1', '198.18.0.2', 0))
      // The first frame of a batch always finds room, and so does a frame that arrives when idle.
      await receiver.until(({ octets }) => octets.length === 100)
      await pingAll(netns, '-c 3 -i 0.01 198.18.0.2')
      expect(receiver.frames.length).toBeLessThan(BURST)
    }
    const { sn0, sn1 } = await stopConserved(vnet)
    expect(sn1!.total.rxMissedErrors).toBeGreaterThan(0)
    expect(sn1!.drops.rx.FULL_RING).toBe(sn1!.total.rxMissedErrors)
    expect(sn1!.total.rxPackets).toBe(sn0!.total.txPackets - sn1!.total.rxMissedErrors)
    expect(sn1!.total).toMatchObject({ rxErrors: 0, rxDropped: 0 })
  })
})

describe('frames shorter than 60 bytes', () => {
  const SIZES = [42, 43, 59, 60, 61]

  /**
   * Sends one frame of each size by `from` and returns what arrives at `to`, after longer frames
   * have left other bytes in the slots.
   */
  async function through(from: string, to: string): Promise<HostFrame[]> {
    using sender = new PacketSocket(netns, from)
    using receiver = new PacketSocket(netns, to)
    const isFull = ({ octets }: HostFrame) => octets.length === 1000
    for (let i = 0; i < 20; i++) {
      sender.send(datagram(1000, '198.18.0.1', '198.18.0.3', 0xff))
    }
    for (const size of SIZES) {
      sender.send(datagram(size, '198.18.0.1', '198.18.0.3', size))
    }
    const last = SIZES.at(-1)
    await receiver.until(({ octets }) => octets.length === last)
    return receiver.frames.filter(frame => !isFull(frame))
  }

  const octetsSent = 20 * 1000 + SIZES.reduce((sum, size) => sum + size, 0)
  const octetsPadded = 20 * 1000 + SIZES.reduce((sum, size) => sum + Math.max(60, size), 0)

  test.each([
    ['snull', ['snull', '--netns'], 'sn0', 'sn1'],
    ['snull with a poll', ['snull', '--use-napi', '--netns'], 'sn0', 'sn1'],
    ['loop', ['loop', '--netns'], 'vnet0', 'vnet0'],
  ] as const)(
    'come back from %s 60 long, padded with zeros, counted as sent',
    async (_, args, from, to) => {
      const vnet = await startVnet([...args, netns.name, '--json'])
      const frames = await through(from, to)
      expect(frames.map(({ octets }) => octets.length)).toEqual(
        SIZES.map(size => Math.max(60, size)),
      )
      for (const [i, { octets }] of frames.entries()) {
        const size = SIZES[i]!
        const data = new Array(size - 42).fill(size)
        expect([...octets.subarray(42, size)]).toEqual(data)
        expect([...octets.subarray(size)]).toEqual(new Array(octets.length - size).fill(0))
      }
      const statistics = await stopConserved(vnet)
      expect(statistics[from]!.total.txBytes).toBe(octetsSent)
      expect(statistics[from]!.kernel!.txBytes).toBe(octetsSent)
      expect(statistics[to]!.total.rxBytes).toBe(octetsPadded)
      expect(statistics[to]!.kernel!.rxBytes).toBe(octetsPadded)
    },
  )

  test('frames shorter than 60 bytes pass the cable unchanged', async () => {
    const vnet = await startVnet(['cable', `${netns.name}/a0`, `${netns.name}/b0`, '--json'])
    const frames = await through('a0', 'b0')
    expect(frames.map(({ octets }) => octets.length)).toEqual(SIZES)
    const { a0, b0 } = await stopConserved(vnet)
    expect([a0!.total.txBytes, b0!.total.rxBytes]).toEqual([octetsSent, octetsSent])
  })
})
