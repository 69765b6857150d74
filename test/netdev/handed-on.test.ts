/**
 * Operations that a driver may not do on a frame it passed on: to the kernel, a wire or the pool.
 */
import { expect, test } from 'vitest'
import { ethHeaderOps } from '#src/netdev/eth.ts'
import { skbChecksumHelp, skbGsoSegment } from '#src/netdev/gso.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { ethTypeTrans, netifRx, netifRxDrop } from '#src/netdev/netif.ts'
import { SKB_DROP_REASON_DEV_STOPPED } from '#src/skb/drop-reason.ts'
import { Ring } from '#src/skb/ring.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { DirectedWire, direct } from '#src/wire/directed-wire.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { addDevice, freshNet, type MemoryNet, numbered } from '#support/memory-net.ts'

const memory = freshNet()

/** Every function that takes a frame, with its kernel name. `other` is an empty frame. */
function verbs(skb: SkBuff, other: SkBuff, dev: NetDevice): Record<string, () => unknown> {
  const ring = new Ring(2)
  return {
    skb_put: () => skb.put(1),
    skb_push: () => skb.push(1),
    skb_pull: () => skb.pull(1),
    skb_reserve: () => skb.reserve(0),
    skb_trim: () => skb.trim(14),
    skb_put_padto: () => skb.padto(100),
    skb_copy: () => skb.copy(),
    skb_clone: () => skb.clone(),
    skb_hold: () => skb.hold(),
    skb_expand: () => skb.expand(),
    skb_consume: () => skb.consume(),
    skb_drop: () => skb.drop(),
    'skb_copy ': () => skb.copyTo(other),
    'skb_copy  ': () => other.copyTo(skb),
    skb_queue_tail: () => ring.push(skb),
    skb_queue_head: () => ring.unshift(skb),
    netif_rx: () => netifRx(skb),
    'netif_rx ': () => netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_STOPPED),
    'netif_rx  ': () => direct(dev).push(skb),
    eth_type_trans: () => ethTypeTrans(skb, dev),
    'skb_push ': () => ethHeaderOps.create(skb, dev, 0x800, dev.broadcast),
    skb_checksum_help: () => skbChecksumHelp(skb),
    skb_gso_segment: () => skbGsoSegment(skb, ring),
    kfree_skb: () => skb.free(),
  }
}

/** Expects every verb to be refused, with this file named, and the frame untouched. */
function expectRefused(skb: SkBuff, other: SkBuff, dev: NetDevice, state: string): void {
  const { data, len, owner, mac } = skb
  for (const [verb, call] of Object.entries(verbs(skb, other, dev))) {
    const text =
      state === 'a freed frame' && verb === 'kfree_skb'
        ? 'double free'
        : `${verb.trim()} on ${state}`
    expect(call, verb).toThrow(new RegExp(`^${text}, (by|at) .*handed-on\\.test\\.ts:\\d+:\\d+`))
    expect([skb.data, skb.len, skb.owner, skb.mac], verb).toEqual([data, len, owner, mac])
  }
}

function makeFrame({ pool }: MemoryNet, dev: NetDevice): SkBuff {
  const [bytes] = numbered(1) as [Uint8Array]
  const skb = pool.alloc(60) as SkBuff
  skb.bytes.set(bytes, skb.put(60))
  skb.dev = dev
  return skb
}

test('every verb refuses a frame that netifRx was given, and the kernel receives it once, unchanged', async () => {
  const { dev, port } = await addDevice(memory)
  const [skb, other] = [makeFrame(memory, dev), memory.pool.alloc(60) as SkBuff]
  netifRx(skb)
  expectRefused(skb, other, dev, 'a frame that the kernel was given already')
  memory.net.flush()
  memory.made = 1
  expect(port.received.map(({ bytes }) => bytes)).toEqual(numbered(1))
  expectRefused(skb, other, dev, 'a freed frame')
  other.free()
})

test('every verb refuses a frame that a wire holds, and the wire delivers it once, unchanged', async () => {
  const { dev, port } = await addDevice(memory)
  const end = { wire: direct(dev), dev }
  const wire = new DirectedWire({ direction: 'ab', seed: 1, net: memory.net, from: end, to: end })
  wire.set([delay('1ms')])
  const [skb, other] = [makeFrame(memory, dev), memory.pool.alloc(60) as SkBuff]
  wire.wire.push(skb)
  expectRefused(skb, other, dev, 'a frame that a wire was given already')
  expect(() => wire.wire.push(skb)).toThrow(
    /^wire push on a frame that a wire was given already, .*handed-on/,
  )
  memory.clock.advance(2_000_000)
  memory.net.flush()
  memory.made = 1
  expect(port.received.map(({ bytes }) => bytes)).toEqual(numbered(1))
  wire.close()
  other.free()
})

test.each<[string, string, (skb: SkBuff) => void]>([
  ['drops', 'skb_drop', skb => skb.drop()],
  ['lengthens', 'skb_put', skb => skb.put(1)],
  ['frees', 'kfree_skb', skb => skb.free()],
  ['keeps', 'skb_queue_tail', skb => new Ring(1).push(skb)],
  ['hands over again', 'netif_rx', netifRx],
])(
  'a driver that %s a frame after netifRx is logged with its line, and each frame arrives once',
  async (_, verb, mistake) => {
    const { dev: peer, port: peerPort } = await addDevice(memory)
    const { port } = await addDevice(memory, {
      ndoStartXmit(skb) {
        skb.dev = peer
        netifRx(skb)
        mistake(skb)
      },
    })
    for (const bytes of numbered(3)) {
      port.transmit(bytes)
    }
    port.drain()
    expect(peerPort.received.map(({ bytes }) => bytes)).toEqual(numbered(3))
    expect(memory.lines.filter(line => line.includes('ndoStartXmit'))).toEqual([
      expect.stringMatching(
        `^test1: ndoStartXmit: SkbError: ${verb} on a frame that the kernel was given already, .*handed-on\\.test\\.ts`,
      ),
    ])
  },
)
