import { expect, test } from 'vitest'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import { DirectedWire } from '#src/wire/directed-wire.ts'
import { loss } from '#src/wire/stages/loss.ts'
import { type MemoryNet, memoryNets } from '#support/memory-net.ts'
import { skbOf } from '#support/skb.ts'
import { buildFrame, plain } from '../packet/frames.ts'

const makeNet = memoryNets()

/** Returns a GSO frame of three TCP segments. */
function gsoFrame({ pool }: MemoryNet): SkBuff {
  const packet = {
    ...plain,
    kind: 'tcp',
    payload: new Array(3000).fill(1),
    checksum: 'partial',
  } as const
  const bytes = buildFrame({ packet, tags: [], padding: [] })
  const skb = skbOf(pool, bytes)
  skb.ipSummed = CHECKSUM_PARTIAL
  skb.csumStart = skb.data + 34
  skb.csumOffset = 16
  skb.gsoSize = 1000
  skb.gsoType = SKB_GSO_TCPV4
  return skb
}

test('a wire cuts frames while another cuts frames of its own', () => {
  const memory = makeNet()
  const wireTo = (push: (skb: SkBuff) => void) => {
    const end = { wire: { push } }
    const wire = new DirectedWire({ direction: 'ab', seed: 1, net: memory.net, from: end, to: end })
    wire.set([loss(0)])
    return wire
  }
  const received = { near: 0, far: 0 }
  const far = wireTo(skb => {
    received.far++
    skb.free()
  })
  const near = wireTo(skb => {
    if (received.near++ === 0) {
      far.wire.push(gsoFrame(memory))
    }
    skb.free()
  })
  near.wire.push(gsoFrame(memory))
  expect(received).toEqual({ near: 3, far: 3 })
  near.close()
  far.close()
})
