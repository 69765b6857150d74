/**
 * cable on real TAPs: frames put on one end by a packet socket are captured at the other, byte by
 * byte.
 */
import { describe, expect, test } from 'vitest'
import { captureFrames } from '#support/capture.ts'
import { hex, kinds } from '#support/frame-kinds.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import { tcpExchange } from '#support/sockets.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

const KIB = 1 << 10

const { left, right } = freshQuietNamespaces('left', 'right')

const start = (...args: string[]) =>
  startVnet(['cable', `${left.name}/left`, `${right.name}/right`, '--json', ...args])

describe.each(firstOf(1, BOTH_WAYS))('%s', (_, offload) => {
  test('a cable passes any frame unchanged and in order, in both directions', async () => {
    const vnet = await start(...offload)
    for (const [from, name, at, there] of [
      [left, 'left', right, 'right'],
      [right, 'right', left, 'left'],
    ] as const) {
      const capture = await captureFrames(at, there)
      using sender = new PacketSocket(from, name)
      const frames = [...kinds().values()]
      for (const frame of frames) {
        sender.send(frame)
      }
      expect(hex(await capture.count(frames.length))).toEqual(hex(frames))
      await capture.stop()
    }
    const { left: a, right: b } = await stopConserved(vnet)
    for (const { total } of [a!, b!]) {
      expect([total.txPackets, total.rxPackets]).toEqual([kinds().size, kinds().size])
      expect([total.txDropped, total.rxDropped]).toEqual([0, 0])
    }
  })

  test('TCP passes in both directions unchanged', async () => {
    const vnet = await start('--address', '192.0.2.1/24', '--address', '192.0.2.2/24', ...offload)
    const { peer, sent, received } = await tcpExchange(
      { netns: left, address: '192.0.2.1', reachedAt: '192.0.2.1' },
      { netns: right, address: '192.0.2.2', reachedAt: '192.0.2.2' },
      512 * KIB,
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
